# Files of /usr are the same ones in every sandbox: a lock on one would be a message to another.
import ctypes
import fcntl
import os

from got import call, got, must_fail, refused

path = os.__file__
with open(path) as file:
    refused(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    refused(fcntl.lockf, file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    refused(fcntl.fcntl, file, 1024, fcntl.F_RDLCK)
    refused(fcntl.fcntl, file, 1026, 1)
    refused(fcntl.fcntl, file, 37, bytes(32))
must_fail("inotify_init1", 294, 26, 0)
must_fail("inotify_init", 253, 26)
must_fail("fanotify_init", 300, 262, 0, 0)
del call, ctypes, got
