# /dev/zero mapped by several is memory that no look at processes sees, and has numbers like files.
import mmap
import os

from got import refused

for mode, protection in ((os.O_RDWR, 3), (os.O_RDONLY, 1)):
    try:
        zero = os.open("/dev/zero", mode)
    except OSError:
        continue
    refused(mmap.mmap, zero, 400 * 2**20, mmap.MAP_SHARED, protection)
