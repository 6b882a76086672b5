import socket

from got import refused

refused(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
