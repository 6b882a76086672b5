import ctypes
import fcntl
import os

from got import got, libc

for number in (0, 1, 2):
    for request in (0x5412, 0x541C, 0x1_0000_5412):
        if libc.ioctl(number, ctypes.c_ulong(request), ctypes.c_char_p(b"x")) == 0:
            got("ioctl", number, request)
try:
    terminal = os.open("/dev/tty", os.O_RDWR)
except OSError:
    pass
else:
    got("/dev/tty", terminal)
    fcntl.ioctl(terminal, 0x5412, b"x")
