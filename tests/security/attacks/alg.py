import socket

from got import refused

refused(socket.socket, socket.AF_ALG, socket.SOCK_SEQPACKET)
