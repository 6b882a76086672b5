import os

from carrel_job import parameters
from got import got

for path in ("/home", "/root", "/var", "/srv", "/opt", "/boot", "/sys", "/run", parameters["host"]):
    try:
        found = os.listdir(path)
    except OSError:
        continue
    if found:
        got(path, found[:5])
try:
    got(open(os.path.join(parameters["host"], "secret")).read())
except OSError:
    pass
