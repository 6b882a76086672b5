import os

block = b"flood " * 20000
for _ in range(400):
    os.write(1, block)
    os.write(2, block)
