# The result channel is found by looking at the descriptors: it can neither grow nor shrink.
import os

from got import got

for number in range(3, 64):
    try:
        size = os.fstat(number).st_size
    except OSError:
        continue
    for wanted in (0, size + 2**30):
        try:
            os.ftruncate(number, wanted)
        except OSError:
            continue
        got("resized", number, wanted)
    try:
        os.pwrite(number, b"x" * 100, size + 4096)
    except OSError:
        continue
    got("written beyond", number)
