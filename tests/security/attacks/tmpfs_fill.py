import os

from got import got

for place in (os.getcwd(), "/dev/shm"):
    written = 0
    try:
        for number in range(64):
            with open(f"{place}/fill{number}", "wb", buffering=0) as file:
                for _ in range(4):
                    written += file.write(b"x" * 2**20)
    except OSError:
        pass
    if written > 40 * 2**20:
        got(place, written)
