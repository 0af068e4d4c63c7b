"""Free ports on loopback."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port of 127.0.0.1 that is reserved for the next minute.

    A connection that was closed by its server's side leaves the port in TIME_WAIT: the kernel
    hands it to nobody who asks for any port, but whoever asks for this one by name (with
    SO_REUSEADDR, as servers do) gets it.
    """
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        # After bind, or bind could choose a port that is reserved like this.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.listen(1)
        port: int = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as client:
            server.accept()[0].close()
            client.recv(1)
    return port


def is_free(port: int) -> bool:
    """Whether *port* is free."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def this_port_or_free(port: int) -> int:
    """*port* if it is free and not reserved, else a free one."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, port))
            _claim(port)
        except OSError:
            return free_port()
    return port


# Held until this process ends.
_claims: list[socket.socket] = []


def _claim(port: int) -> None:
    """Mark *port* as given to this process, by its twin of UDP, which no server of ours uses.

    Two stacks that start together would otherwise both find it free, since a worker takes seconds
    to listen.

    Raises:
        OSError: another process holds it.
    """
    claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claim.bind((LOOPBACK, port))
    except OSError:
        claim.close()
        raise
    _claims.append(claim)
