"""Free ports of this machine, for processes that are about to start."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import SystemRandom

LOWEST = 10_000
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
EPHEMERAL_FROM = 32_768
"""Where the system does not say it: Linux' default."""
TRIES = 1_000
LOCAL_CLUSTER_OFFSETS = (0, 1, 2, 10, 11, 12)
"""What three members of `make run` listen on, from its `--port` on."""


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports that nobody listens on."""
    ports: list[int] = []
    for _ in range(TRIES):
        if len(ports) == count:
            return ports
        port = free_base([0])
        if port not in ports:
            ports.append(port)
    raise RuntimeError(f"{count} free ports were not found in {TRIES} tries")


def free_base(offsets: Sequence[int]) -> int:
    """A port such that it plus each of `offsets` is free.

    Drawn below those that the system gives to outgoing connections: one of these took a port between its choice and its use.
    At random, so that tests that run at the same time choose others.
    """
    random = SystemRandom()
    highest = _ephemeral_from() - 1 - max(offsets)
    for _ in range(TRIES):
        base = random.randint(LOWEST, highest)
        if _all_free([base + offset for offset in offsets]):
            return base
    raise RuntimeError(f"no free ports between {LOWEST} and {highest} in {TRIES} tries")


def _all_free(ports: Sequence[int]) -> bool:
    with ExitStack() as held:
        for port in ports:
            listener = held.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _ephemeral_from() -> int:
    try:
        lowest = int(EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError):
        return EPHEMERAL_FROM
    return lowest if lowest > LOWEST + TRIES else EPHEMERAL_FROM
