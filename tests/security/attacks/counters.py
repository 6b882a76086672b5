# Numbers that the kernel counts up for the whole machine, whoever makes what is counted.
import ctypes
import socket

from got import got, must_fail

room = ctypes.create_string_buffer(256)
size = ctypes.create_string_buffer(b"\x08\0\0\0")
for option in (57, 71, 56):  # SO_COOKIE, SO_NETNS_COOKIE, SO_INCOMING_NAPI_ID
    must_fail("getsockopt", 55, 209, 0, 1, option, room, size)
for mask in (0, 0x1000, 0x4000, 0x7FFF):  # STATX_MNT_ID, STATX_MNT_ID_UNIQUE
    must_fail("statx", 332, 291, -100, ctypes.c_char_p(b"/tmp"), 0, mask, room)
must_fail("inotify_init1", 294, 26, 0)
must_fail("msgget", 68, 186, 0, 0o1600)
must_fail("shmget", 29, 194, 0, 4096, 0o1600)
must_fail("semget", 64, 190, 0, 1, 0o1600)
for family in (socket.AF_UNIX, socket.AF_INET):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        try:
            got("socketpair", socket.socketpair(family, kind))
        except OSError:
            continue
