# That a file is there, and how large it is, is told by its metadata alone.
import os

from carrel_job import parameters
from got import got

if os.path.exists(os.path.join(parameters["host"], "secret")):
    got("size", os.stat(os.path.join(parameters["host"], "secret")).st_size)
