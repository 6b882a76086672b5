import os

import carrel_job
from got import refused

place = carrel_job.data + "/df"
refused(lambda: open(place + "/rows", "a").close())
refused(lambda: open(place + "/new", "w").close())
refused(os.unlink, place + "/rows")
refused(os.rename, place + "/rows", place + "/rows2")
refused(os.chmod, place + "/rows", 0o777)
refused(os.utime, place + "/rows", (1, 1))
refused(os.truncate, place + "/rows", 0)
refused(os.link, place + "/rows", place + "/rows3")
refused(os.setxattr, place + "/rows", "user.x", b"1")
with open(place + "/rows") as file:
    refused(os.fchmod, file.fileno(), 0o777)
    refused(os.utime, file.fileno(), (1, 1))
    refused(os.setxattr, file.fileno(), "user.x", b"1")
