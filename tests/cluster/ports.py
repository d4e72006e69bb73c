"""Free ports of this machine, for processes that are about to start."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports that nobody listens on. Held together until all are known, so that none is given twice.

    Another process may still take one before it is used: whoever starts a server says so when its port is taken.
    """
    sockets = []
    try:
        for _ in range(count):
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", 0))
            sockets.append(listener)
        return [listener.getsockname()[1] for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()
