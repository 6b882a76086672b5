import platform

from got import call, got

if platform.machine() == "x86_64":
    got("x32 getpid", call(0x40000000 + 39))
else:
    raise SystemExit(1)
