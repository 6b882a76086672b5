# Descriptors in a socket's queue, and that one in its own, outlive the processes: pipes as well.
import array
import ctypes
import os
import socket

from got import got, must_fail

must_fail("sendmsg", 46, 211, 0, ctypes.create_string_buffer(64), 0)
must_fail("recvmsg", 47, 212, 0, ctypes.create_string_buffer(64), 0)
must_fail("sendmmsg", 307, 269, 0, ctypes.create_string_buffer(64), 1, 0)
must_fail("recvmmsg", 299, 243, 0, ctypes.create_string_buffer(64), 1, 0, None)
must_fail("pidfd_getfd", 438, 438, 0, 0, 0)
try:
    one, other = socket.socketpair()
    rights = array.array("i", [one.fileno(), other.fileno(), 1, 2])
    for end in (one, other):
        end.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    got("in flight")
except OSError:
    os._exit(0)
