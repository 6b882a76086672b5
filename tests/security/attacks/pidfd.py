from carrel_job import parameters
from got import must_fail

for victim in (parameters["victim"], 1):
    must_fail("pidfd_open", 434, 434, victim, 0)
must_fail("pidfd_getfd", 438, 438, 3, 0, 0)
must_fail("pidfd_send_signal", 424, 424, 3, 9, None, 0)
must_fail("kcmp", 312, 272, 1, parameters["victim"], 0, 0, 0)
