import os
import resource

from carrel_job import parameters
from got import refused

refused(resource.prlimit, parameters["victim"], resource.RLIMIT_NOFILE, (1, 1))
refused(os.setpriority, os.PRIO_PROCESS, parameters["victim"], 19)
refused(os.sched_setaffinity, parameters["victim"], {0})
