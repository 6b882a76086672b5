import socket

from got import got

for family in range(64):
    for kind in (1, 2, 3, 5):
        try:
            socket.socket(family, kind)
        except OSError:
            continue
        got("family", family, kind)
