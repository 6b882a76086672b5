# MemoryError may be caught; what was not given stays not given.
from got import got

held = 0
blocks = []
while True:
    try:
        blocks.append(bytearray(b"x" * (16 * 2**20)))
    except MemoryError:
        break
    if len(blocks) > 64:
        got("memory", len(blocks) * 16, "MiB")
        break
