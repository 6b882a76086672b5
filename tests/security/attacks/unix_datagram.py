# A connected pair of datagram sockets may still send to any address.
import socket

from carrel_job import parameters
from got import refused


def reach():
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return one.sendmsg([b"x"], [], 0, "\0" + parameters["abstract"] + "-datagram")


def reach_by_stream():
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return one.sendto(b"x", "\0" + parameters["abstract"] + "-datagram")


refused(reach)
refused(reach_by_stream)
