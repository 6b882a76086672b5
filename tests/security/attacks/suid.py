import os
import subprocess

from got import got

for path in (
    "/usr/bin/su",
    "/usr/bin/passwd",
    "/usr/bin/mount",
    "/usr/bin/umount",
    "/usr/bin/chsh",
):
    try:
        if os.stat(path).st_mode & 0o4000:
            subprocess.run([path, "--version"], capture_output=True, check=False)
    except OSError:
        continue
if os.geteuid() == 0 or os.getegid() == 0:
    got("root", os.geteuid())
command = ["/usr/bin/mount", "-t", "tmpfs", "x", os.getcwd()]
try:
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        got("mount")
except OSError:
    pass
try:
    os.setuid(0)
except OSError:
    pass
else:
    got("setuid")
