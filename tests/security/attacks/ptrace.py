import os
import time

from carrel_job import parameters
from got import must_fail

child = os.fork()
if child == 0:
    time.sleep(5)
    os._exit(0)
for victim in (child, os.getppid(), parameters["victim"], 1):
    must_fail("ptrace attach", 101, 117, 16, victim, 0, 0)
    must_fail("ptrace seize", 101, 117, 0x4206, victim, 0, 0)
must_fail("ptrace traceme", 101, 117, 0, 0, 0, 0)
