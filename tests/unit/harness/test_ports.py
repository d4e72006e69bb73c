"""Ports for the processes of a test."""

from __future__ import annotations

import socket

import pytest

from tests.cluster import ports
from tests.cluster.ports import LOCAL_CLUSTER_OFFSETS, free_base, free_ports


def _as_servers_do() -> socket.socket:
    """Takes a port on which a connection of another test, closed a moment ago, still waits to be forgotten."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def test_ports_differ_and_can_be_bound() -> None:
    found = free_ports(20)
    assert len(set(found)) == 20
    for port in found:
        with _as_servers_do() as listener:
            listener.bind(("127.0.0.1", port))


def test_they_lie_below_those_that_outgoing_connections_take() -> None:
    lowest = int(ports.EPHEMERAL.read_text().split()[0]) if ports.EPHEMERAL.exists() else ports.EPHEMERAL_FROM
    for _ in range(50):
        assert free_base(LOCAL_CLUSTER_OFFSETS) + max(LOCAL_CLUSTER_OFFSETS) < lowest


def test_a_base_of_which_one_port_is_taken_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with _as_servers_do() as listener:
        taken = free_base([0])
        listener.bind(("127.0.0.1", taken))
        listener.listen()
        monkeypatch.setattr(ports, "LOWEST", taken - 2)
        monkeypatch.setattr(ports, "_ephemeral_from", lambda: taken + 4)
        assert all(free_base([0, 1]) not in (taken - 1, taken) for _ in range(20))
