from got import must_fail

for name, x86_64, aarch64 in (
    *(("kexec_load", 246, 104), ("kexec_file_load", 320, 294), ("bpf", 321, 280)),
    *(("init_module", 175, 105), ("finit_module", 313, 273), ("delete_module", 176, 106)),
    *(("io_uring_setup", 425, 425), ("io_uring_enter", 426, 426), ("io_setup", 206, 0)),
    *(("add_key", 248, 217), ("request_key", 249, 218), ("keyctl", 250, 219)),
    *(("perf_event_open", 298, 241), ("userfaultfd", 323, 282), ("fanotify_init", 300, 262)),
    *(("reboot", 169, 142), ("swapon", 167, 224), ("acct", 163, 89), ("syslog", 103, 116)),
    *(("settimeofday", 170, 170), ("clock_settime", 227, 112), ("adjtimex", 159, 171)),
    *(("sethostname", 170, 161), ("setdomainname", 171, 162), ("personality", 135, 92)),
    *(("seccomp", 317, 277), ("capset", 126, 91), ("setuid", 105, 146), ("setgid", 106, 144)),
    *(("setresuid", 117, 147), ("setgroups", 116, 159), ("mbind", 237, 235)),
    *(("move_pages", 279, 239), ("migrate_pages", 256, 238), ("lookup_dcookie", 212, 18)),
    *(("quotactl", 179, 60), ("vhangup", 153, 58), ("execveat", 322, 281)),
    *(("landlock_create_ruleset", 444, 444), ("splice", 275, 76), ("vmsplice", 278, 75)),
    *(("sync", 162, 81), ("syncfs", 306, 267), ("mlockall", 151, 230), ("cachestat", 451, 451)),
    *(("a call to come", 700, 700), ("another", 9999, 9999)),
):
    must_fail(name, x86_64, aarch64, 0, 0, 0, 0, 0)
