# Whether a page came from the disk tells whether another run has read it.
import ctypes
import os

from got import must_fail

room = ctypes.create_string_buffer(256)
status = ctypes.create_string_buffer(128)
for who in (0, -1, 1):
    must_fail("getrusage", 98, 165, who, room)
child = os.fork()
if child == 0:
    os._exit(0)
must_fail("wait4", 61, 260, child, status, 0, room)
must_fail("waitid", 247, 95, 0, 0, status, 4, room)
must_fail("mincore", 27, 232, 0, 4096, room)
must_fail("preadv2", 327, 286, 0, room, 0, 0, 0, 8)
