"""What every attack is written with: `got` prints what it won; nothing printed is a defeat."""

import ctypes
import errno
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
MACHINE = platform.machine()
REFUSED = {
    *(errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EINVAL, errno.ENOENT),
    *(errno.EROFS, errno.ENOTSUP, errno.ESRCH, errno.EAGAIN, errno.ENOTTY, errno.EBADF),
    *(errno.ENOSPC, errno.EFBIG, errno.ENOMEM, errno.ENXIO, errno.ENODEV),
}


def got(*what):
    print("GOT", *what, flush=True)


def refused(action, *arguments, **more):
    """Run it; what it gives is won. An OSError of the kinds that refuse is a defeat."""
    try:
        value = action(*arguments, **more)
    except OSError as error:
        if error.errno not in REFUSED:
            got(action.__name__, arguments, error)
        return None
    except MemoryError:
        return None
    got(getattr(action, "__name__", action), arguments, value)
    return value


def call(number, *arguments):
    """A system call by number; its result, or minus errno."""
    words = [a if not isinstance(a, int) else ctypes.c_long(a) for a in arguments]
    value = libc.syscall(ctypes.c_long(number), *words)
    return -ctypes.get_errno() if value == -1 else value


def must_fail(name, x86_64, aarch64, *arguments):
    """A system call that has to be refused whatever its arguments are."""
    value = call(x86_64 if MACHINE == "x86_64" else aarch64, *arguments)
    if value >= 0 or -value not in (errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EACCES):
        got(name, value, os.strerror(-value) if value < 0 else "")
