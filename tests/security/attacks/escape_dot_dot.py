import os

import carrel_job
from got import got

for start in ("/", carrel_job.data + "/df", "/data", "/dev", "/tmp"):
    try:
        place = os.open(start, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        continue
    for _ in range(20):
        try:
            place = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=place)
        except OSError:
            break
    else:
        found = set(os.listdir(place))
        if found & {"root", "home", "boot", "proc", "sys", "srv"} and "job" not in found:
            got(found)
