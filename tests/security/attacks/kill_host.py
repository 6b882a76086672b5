# The harness looks whether its process and the supervisor still live.
import os
import signal

from carrel_job import parameters

for pid in (parameters["victim"], parameters["supervisor"], os.getppid()):
    for number in (signal.SIGKILL, signal.SIGSTOP):
        if pid in (0, os.getpid()):
            continue
        try:
            os.kill(pid, number)
        except OSError:
            continue
try:
    os.kill(-1, signal.SIGUSR2)
except OSError:
    pass
