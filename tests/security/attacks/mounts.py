import ctypes

from got import must_fail

root, tmp = ctypes.c_char_p(b"/"), ctypes.c_char_p(b"/tmp")
must_fail("mount", 165, 40, ctypes.c_char_p(b"none"), tmp, ctypes.c_char_p(b"tmpfs"), 0, 0)
must_fail("remount", 165, 40, None, root, None, 32 | 4096, 0)
must_fail("umount2", 166, 39, ctypes.c_char_p(b"/data"), 2)
must_fail("pivot_root", 155, 41, tmp, tmp)
must_fail("chroot", 161, 51, tmp)
must_fail("open_tree", 428, 428, -100, root, 1)
must_fail("move_mount", 429, 429, 3, ctypes.c_char_p(b""), -100, tmp, 4)
must_fail("fsopen", 430, 430, ctypes.c_char_p(b"tmpfs"), 0)
must_fail("fsmount", 432, 432, 3, 0, 0)
must_fail("fspick", 433, 433, -100, root, 0)
must_fail("mount_setattr", 442, 442, -100, root, 0, ctypes.create_string_buffer(32), 32)
must_fail("statmount", 457, 457, None, None, 0, 0)
must_fail("listmount", 458, 458, None, None, 0, 0)
must_fail("open_by_handle_at", 304, 265, -100, None, 0)
must_fail("name_to_handle_at", 303, 264, -100, root, None, None, 0)
