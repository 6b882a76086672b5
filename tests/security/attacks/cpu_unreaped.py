# As before, by children that tell nobody of their end.
import ctypes
import os
import time

from got import MACHINE, libc

CLONE = 56 if MACHINE == "x86_64" else 220
libc.syscall.restype = ctypes.c_long
for signal in (0, 28, 0x8000, 0x8011):  # exit signal none, SIGWINCH; CLONE_PARENT
    if libc.syscall(CLONE, signal, None, None, None, None) == 0:
        while True:
            until = time.thread_time() + 0.006
            while time.thread_time() < until:
                pass
            if libc.syscall(CLONE, signal, None, None, None, None) != 0:
                os._exit(0)
time.sleep(100)
