import os

from carrel_job import parameters
from got import refused

for place in ("/", "/usr", "/etc", "/dev", "/job", "/job/carrel_runner", "/environment/0", "/data"):
    refused(lambda place=place: open(place + "/planted", "w").close())
refused(lambda: open(parameters["host"] + "/planted", "w").close())
refused(os.mkdir, "/planted")
refused(os.symlink, "/etc", "/planted")
refused(os.mknod, "/tmp/disk", 0o60666, os.makedev(254, 0))
