# CPU time of children that nobody waits for.
import os
import signal

try:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
except OSError:
    pass
for _ in range(3):
    if os.fork() == 0:
        while True:
            pass
signal.pause()
