import socket

from got import refused

refused(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW)
