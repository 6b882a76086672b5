# Pages of files that everybody shares, thrown out of memory: the next who reads them waits.
import ctypes
import mmap
import os

from got import got, libc

library = next(
    path
    for path in (
        "/usr/lib/x86_64-linux-gnu/libm.so.6",
        "/usr/lib/aarch64-linux-gnu/libm.so.6",
        "/usr/lib64/libm.so.6",
        "/lib/libm.so.6",
        "/usr/lib/libm.so.6",
    )
    if os.path.exists(path)
)
libc.mmap.restype = ctypes.c_void_p
with open(library, "rb") as file:
    for flags in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
        place = libc.mmap(None, 65536, mmap.PROT_READ, flags, file.fileno(), 0)
        for advice in (20, 21, 12, 100, 101):  # COLD, PAGEOUT, MERGEABLE, HWPOISON, SOFT_OFFLINE
            if libc.madvise(ctypes.c_void_p(place), 65536, advice) == 0:
                got("madvise", advice)
