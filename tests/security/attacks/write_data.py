import os

import carrel_job
from got import got, refused

place = carrel_job.data + "/df"
refused(lambda: open(place + "/rows", "a").close())
refused(lambda: open(place + "/new", "w").close())
refused(os.unlink, place + "/rows")
refused(os.rename, place + "/rows", place + "/rows2")
refused(os.chmod, place + "/rows", 0o777)
refused(os.truncate, place + "/rows", 0)
refused(os.link, place + "/rows", place + "/rows3")
refused(os.setxattr, place + "/rows", "user.x", b"1")
with open(place + "/rows") as file:
    refused(os.fchmod, file.fileno(), 0o777)
    for what in (place + "/rows", file.fileno()):
        # Said to be done, and not done.
        try:
            os.utime(what, (1, 1))
        except OSError:
            continue
        if os.stat(what).st_mtime == 1:
            got("utime", what)
    refused(os.setxattr, file.fileno(), "user.x", b"1")
