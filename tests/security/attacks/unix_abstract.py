import socket

from carrel_job import parameters
from got import refused


def reach():
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(1)
        one.connect("\0" + parameters["abstract"])
        return one.recv(100)


refused(reach)
