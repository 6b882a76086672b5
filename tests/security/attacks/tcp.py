import socket

from carrel_job import parameters
from got import refused

refused(socket.create_connection, ("127.0.0.1", parameters["port"]), timeout=2)
refused(socket.socket, socket.AF_INET6, socket.SOCK_STREAM)
refused(socket.create_server, ("127.0.0.1", 0))
