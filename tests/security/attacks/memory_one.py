held = []
while True:
    block = bytearray(8 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    held.append(block)
