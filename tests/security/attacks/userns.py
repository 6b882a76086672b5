import os

from got import got, libc, must_fail

for flags in (0x10000000, 0x10020000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000):
    if libc.unshare(flags) == 0:
        got("unshare", hex(flags))
    must_fail("clone", 56, 220, flags | 17, 0, 0, 0, 0)
must_fail("setns", 308, 268, 0, 0)
must_fail("clone3", 435, 435, None, 88)
if (
    os.path.exists("/usr/bin/unshare")
    and os.system("/usr/bin/unshare -Ur /bin/true 2>/dev/null") == 0
):
    got("unshare -Ur")
