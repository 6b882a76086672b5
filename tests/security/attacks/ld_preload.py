# Variables and files that change what a later program of the sandbox's loads: nothing comes of it.
import os

from got import refused

os.environ["LD_PRELOAD"] = "/tmp/evil.so"
refused(lambda: open("/etc/ld.so.preload", "w").close())
refused(lambda: open("/job/carrel_runner/main.py", "a").close())
refused(lambda: open("/usr/lib/evil.so", "w").close())
