# Root's user namespace may write it: a helper of the attacker's choosing, run by the host's root.
from got import refused

refused(lambda: open("/proc/sys/kernel/core_pattern", "w").close())
refused(lambda: open("/proc/sys/kernel/modprobe", "w").close())
refused(lambda: open("/sys/kernel/uevent_helper", "w").close())
refused(lambda: open("/proc/sysrq-trigger", "w").close())
