"""The site's listening socket, opened by the supervisor and handed to each API process in turn.

So the port cannot be lost between choosing and using it, and while the API is started again a
client waits in the queue and is not refused.
"""

import errno
import socket

DEFAULT_PORT = 8750
_TRIES = 50


class PortTaken(RuntimeError):
    """The port that was asked for is in use."""


def listen(host: str, port: int | None) -> socket.socket:
    """Listen on `port`; None: on DEFAULT_PORT, or the next free one after it.

    Raises PortTaken.
    """
    candidates = [port] if port is not None else list(range(DEFAULT_PORT, DEFAULT_PORT + _TRIES))
    for candidate in candidates:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(1024)
        except OSError as error:
            listener.close()
            if error.errno == errno.EACCES:
                raise PortTaken(
                    f"port {candidate} needs privileges; choose one from 1024 on"
                ) from error
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return listener
    if port is None:
        raise PortTaken(
            f"ports {candidates[0]} to {candidates[-1]} of {host} are all taken; choose one with "
            "--port"
        )
    raise PortTaken(
        f"port {port} of {host} is taken; choose another with --port, or leave --port out to have "
        "a free one chosen"
    )
