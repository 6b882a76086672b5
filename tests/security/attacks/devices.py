import os

from got import got

try:
    names = os.listdir("/dev")
except OSError:
    names = []
for name in names:
    if name not in {
        *("null", "zero", "full", "random", "urandom", "tty", "shm", "pts", "ptmx", "console"),
        *("core", "fd", "stdin", "stdout", "stderr"),
    }:
        got(name)
for name in (
    "mem",
    "kmem",
    "port",
    "kvm",
    "vda",
    "sda",
    "nvme0n1",
    "loop0",
    "fuse",
    "vsock",
    "kmsg",
    "nvidiactl",
    "nvidia-uvm",
    "nvidia0",
    "nvidia-caps/nvidia-cap1",
    "dri/card0",
    "dri/renderD128",
    "kfd",
):
    for mode in (os.O_RDONLY, os.O_RDWR):
        try:
            os.open("/dev/" + name, mode)
        except OSError:
            continue
        got(name, mode)
