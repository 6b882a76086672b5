# Processes that live for some ms, leave a successor and are waited for by nobody.
import os
import signal
import time

try:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
except OSError:
    pass
for _ in range(4):
    if os.fork() == 0:
        while True:
            until = time.thread_time() + 0.006
            while time.thread_time() < until:
                pass
            if os.fork():
                os._exit(0)
signal.pause()
