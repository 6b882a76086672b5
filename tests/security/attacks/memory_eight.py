import os
import time

for _ in range(8):
    if os.fork() == 0:
        held = []
        for _ in range(14):
            block = bytearray(8 * 2**20)
            block[::4096] = b"x" * len(block[::4096])
            held.append(block)
        time.sleep(100)
time.sleep(100)
