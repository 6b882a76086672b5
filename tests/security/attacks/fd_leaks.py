import os
import stat

from got import got

channels = 0
for number in range(3, 4096):
    try:
        status = os.fstat(number)
    except OSError:
        continue
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
        channels += 1
        continue
    got("descriptor", number, oct(status.st_mode))
if channels > 2:
    got("channels", channels)
