import socket

from got import refused


def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        return one.sendto(b"x", ("127.0.0.1", 53))


refused(send)
refused(socket.socket, socket.AF_INET, socket.SOCK_RAW)
