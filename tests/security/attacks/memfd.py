import ctypes
import os

from got import got, must_fail

must_fail("memfd_create", 319, 279, ctypes.c_char_p(b"x"), 0)
must_fail("memfd_secret", 447, 447, 0)
if hasattr(os, "memfd_create"):
    try:
        file = os.memfd_create("x")
    except OSError:
        pass
    else:
        os.write(file, b"x" * 2**20)
        got("memfd")
