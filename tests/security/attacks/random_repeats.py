# Forks of one waiting process have to draw different numbers: the harness compares two runs.
import random

import numpy

print("DRAW", random.random(), numpy.random.random())
