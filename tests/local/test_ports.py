"""Ports that are free and stay so."""

from __future__ import annotations

import socket

from walmart_stream.local.ports import LOOPBACK, free_port, this_port_or_free


def test_a_free_port_can_be_listened_on_at_once() -> None:
    """Servers set SO_REUSEADDR, and so get a port that is kept from everybody else."""
    port = free_port()

    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((LOOPBACK, port))
        server.listen()


def test_no_port_is_given_twice() -> None:
    """Two servers that start together get different ports."""
    ports = [free_port() for _ in range(200)]

    assert len(set(ports)) == len(ports)


def test_two_stacks_that_start_together_get_different_ports() -> None:
    """A wished port is given once, though nobody listens there yet."""
    port = free_port()

    first, second = this_port_or_free(port), this_port_or_free(port)

    assert first == port
    assert second != port
