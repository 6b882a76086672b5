import os

from carrel_job import parameters
from got import got

for path in (parameters["other"], "/data/../data/other", "/staging", "/staging/0", "/data/df/.."):
    for place, _, names in os.walk(path):
        if "df" in place.split("/"):
            continue
        for name in names:
            try:
                text = open(os.path.join(place, name), "rb").read()
            except OSError:
                continue
            if b"another dataset" in text:
                got(place, name, text)
