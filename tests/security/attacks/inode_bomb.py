# Empty files take the kernel's memory, and none of a file system's.
import os

from got import got

count = 0
try:
    for number in range(400_000):
        os.close(os.open(f"{os.getcwd()}/e{number}", os.O_CREAT | os.O_WRONLY))
        count += 1
except OSError:
    pass
if count >= 400_000:
    got("files", count)
