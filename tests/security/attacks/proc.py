from carrel_job import parameters
from got import got

for path in (
    *("self/environ", "self/cmdline", "1/environ", "1/cmdline", "self/mem", "self/maps", "meminfo"),
    *("self/mountinfo", "loadavg", "stat", "version", "sys/kernel/hostname", "kallsyms", "self/fd"),
    *(f"{parameters['victim']}/environ", f"{parameters['victim']}/mem", "sys/kernel/core_pattern"),
):
    try:
        with open("/proc/" + path, "rb") as file:
            got(path, file.read(20))
    except OSError:
        continue
