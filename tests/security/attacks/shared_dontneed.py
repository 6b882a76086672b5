# Pages that no process has mapped, and that no look at processes sees.
import mmap

from got import refused

refused(mmap.mmap, -1, 2**20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
refused(mmap.mmap, -1, 2**20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | 0x40000)
refused(lambda: mmap.mmap(-1, 2**20))
