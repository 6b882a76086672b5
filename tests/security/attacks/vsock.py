import socket

from got import refused

refused(socket.socket, socket.AF_VSOCK, socket.SOCK_STREAM)
