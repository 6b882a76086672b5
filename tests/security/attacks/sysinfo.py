import ctypes

from got import must_fail

buffer = ctypes.create_string_buffer(256)
must_fail("sysinfo", 99, 179, buffer)
must_fail("statfs", 137, 43, ctypes.c_char_p(b"/usr"), buffer)
must_fail("mincore", 27, 232, 0, 4096, buffer)
must_fail("preadv2", 327, 286, 0, buffer, 1, 0, 0, 8)
