# The kernel reads 32 bits of some arguments, and a filter that reads 64 sees another number.
import ctypes
import fcntl
import os

from got import call, got

high = 1 << 32
if os.uname().machine == "x86_64":
    for number, arguments in (
        (41, (high | 2, 1, 0)),
        (72, (0, high | 6, None)),
        (157, (high | 22, 2, None, 0, 0)),
        (9, (0, 4096, 3, high | 0x21, -1, 0)),
        (302, (high | 1, 7, None, ctypes.create_string_buffer(16))),
    ):
        value = call(number, *arguments)
        # mmap's flags are a whole word, whose upper half means nothing.
        if value >= 0 or value in (-9, -14, -22):
            got(number, value)
del fcntl
