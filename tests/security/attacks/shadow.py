from got import refused

for path in ("/etc/shadow", "/etc/passwd", "/root/.ssh/id_rsa", "/etc/hostname", "/etc/machine-id"):
    refused(lambda path=path: open(path).read(10))
