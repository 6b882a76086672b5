import os

from got import got

try:
    with open("sparse", "wb") as file:
        os.truncate(file.fileno(), 2**40)
    got("a file of a terabyte")
except OSError:
    pass
