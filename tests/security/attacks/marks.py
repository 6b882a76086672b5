# What a run leaves for the next: the harness compares what two of them find here.
import fcntl
import os

from got import got

FLAGS = os.O_NONBLOCK | os.O_APPEND
WORD = 1735689600123456789


def files():
    for top in ("/dev", "/job", "/usr", "/python", "/environment", "/data", "/staging"):
        yield top
        try:
            yield from (os.path.join(top, name) for name in sorted(os.listdir(top)))
        except OSError:
            continue


found = []
for place in ("/", "/etc", "/etc/ld.so.cache", *files()):
    try:
        before = os.stat(place)
    except OSError:
        continue
    found.append((place, before.st_mode, before.st_uid, before.st_gid, before.st_mtime_ns))
    for action, *arguments in (
        (lambda p: os.utime(p, ns=(WORD, WORD)), place),
        (lambda p: os.utime(p), place),
        (lambda p: os.chmod(p, 0o421), place),
        (lambda p: os.close(os.open(os.path.join(p, "mark"), os.O_CREAT | os.O_WRONLY)), place),
        (lambda p: os.mkdir(os.path.join(p, "mark")), place),
        (lambda p: os.setxattr(p, "user.mark", b"x"), place),
    ):
        try:
            action(*arguments)
        except OSError:
            continue
    after = os.stat(place)
    # /dev/shm, /data and /staging of a run are its own.
    if (before.st_mode, before.st_mtime_ns) != (after.st_mode, after.st_mtime_ns):
        if place not in ("/dev/shm", "/staging"):
            got(place, "was changed")
flags = fcntl.fcntl(0, fcntl.F_GETFL)
try:
    fcntl.fcntl(0, fcntl.F_SETFL, flags | FLAGS)
except OSError:
    pass
print("SEEN", oct(flags), *(each for each in found if not each[0].startswith(("/data", "/staging"))))
