import os
import socket

from carrel_job import parameters
from got import got

if parameters["namespaces"] and socket.gethostname() != "sandbox":
    got("host name", socket.gethostname())
for name, action in (
    ("load", os.getloadavg),
    ("memory", lambda: os.sysconf("SC_AVPHYS_PAGES")),
    ("disk", lambda: os.statvfs("/usr").f_bfree),
    ("user", os.getlogin),
):
    try:
        value = action()
    except OSError:
        continue
    # Without an answer of the kernel's, libc hands back whatever lay in memory.
    if name == "memory" and not 0 < value < 2**40:
        continue
    if value not in (-1, 0):
        got(name, value)
secret = {name for name in os.environ if name.startswith("CARREL") or "TOKEN" in name}
if secret or parameters["variable"] in os.environ:
    got("environment", secret)
if parameters["namespaces"] and os.getppid() not in (0, 1):
    got("parent", os.getppid())
