# How many processes there can be at once: the limit, and no more.
import os
import time

from carrel_job import parameters
from got import got

count = 0
for _ in range(4 * parameters["processes"]):
    try:
        if os.fork() == 0:
            time.sleep(100)
            os._exit(0)
    except OSError:
        break
    count += 1
if count > parameters["processes"] + 2:
    got("processes", count)
