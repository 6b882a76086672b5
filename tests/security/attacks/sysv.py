from got import must_fail

must_fail("shmget", 29, 194, 0, 2**20, 0o1600)
must_fail("msgget", 68, 186, 0, 0o1600)
must_fail("semget", 64, 190, 0, 1, 0o1600)
must_fail("mq_open", 240, 180, None, 0, 0, None)
