"""A world with as much of what the specification has as a short trace can hold: crashes, restarts, and elections that meet."""

from __future__ import annotations

from quorate_node.simulator.case import Case
from quorate_node.simulator.features import change, switched_on
from quorate_node.simulator.options import draw

KEPT = frozenset({"kill", "partition", "loss", "straggling", "leases", "sessions", "compactions"})
SETTINGS = (
    "members=3",
    "spares=0",
    "election_timeout_ms=200",
    "heartbeat_ms=90",
    "read_lease_ms=0",
    "think_ms_max=300",
    "faults.kill=1.5",
    "faults.partition=0.8",
    "faults.down_ms_max=300",
    "faults.partition_ms_max=500",
)


def crashes_and_elections(seed: int, commands: int = 25) -> Case:
    options = change(draw(seed, commands), SETTINGS)
    return Case(options, tuple(word for word in switched_on(options) if word not in KEPT))
