# A terminal's times and mode are kept for whoever comes next; its number is the whole machine's.
import os

from got import got

for name in ("/dev/ptmx", "/dev/pts", "/dev/pts/ptmx", "/dev/pts/0", "/dev/tty", "/dev/console"):
    try:
        os.close(os.open(name, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        if name != "/dev/pts":
            continue
        try:
            got(name, os.listdir(name))
        except OSError:
            continue
    else:
        got(name)
