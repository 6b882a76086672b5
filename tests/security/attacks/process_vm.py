import ctypes

from carrel_job import parameters
from got import must_fail

buffer = ctypes.create_string_buffer(64)
local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
for victim in (parameters["victim"], 1):
    must_fail("process_vm_readv", 310, 270, victim, local, 1, local, 1, 0)
    must_fail("process_vm_writev", 311, 271, victim, local, 1, local, 1, 0)
must_fail("process_madvise", 440, 440, 3, local, 1, 4, 0)
