"""What directed worlds are made from: a small cluster under load in which nothing goes wrong by itself."""

from __future__ import annotations

from typing import Any

import msgspec

from quorate_node.simulator.options import Options, quiet, without_later_faults

_FAST = {"tick_ms": 10, "heartbeat_ms": 50, "election_timeout_ms": 200, "pre_vote": True, "check_quorum": True}


READERS = {"writes": 0.4, "several": 0.1, "past": 0.0, "lease_reads": 0.5, "lanes": 1, "patience_ms": 500}
"""Clients that look at what others have just written, and do not wait long for whoever cannot answer."""


def small_world(
    options: Options,
    *,
    faults: dict[str, Any] | None = None,
    network: dict[str, Any] | None = None,
    load: dict[str, Any] | None = None,
    **changes: Any,
) -> Options:
    """A small cluster under load, without any fault but those named."""
    calm = quiet(without_later_faults(options))
    defaults: dict[str, Any] = {
        **_FAST,
        "members": 3,
        "spares": 0,
        "witness": False,
        "clients": 5,
        "watchers": 0,
        "commands": 150,
        "keys": 3,
        "think_ms_max": 200,
        "compactions": 0.0,
        "leases": False,
        "digest_interval": 1,
        "clock_drift_ppm_max": 0,
        "cpu_ns": 0,
    }
    return msgspec.structs.replace(
        calm,
        faults=msgspec.structs.replace(calm.faults, **(faults or {})),
        network=msgspec.structs.replace(calm.network, **(network or {})),
        load=msgspec.structs.replace(calm.load, **(load or {})),
        **(defaults | changes),
    )
