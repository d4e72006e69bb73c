"""Worlds in which faults wait for the moment of the protocol at which a broken promise shows."""

from __future__ import annotations

from typing import Any

from quorate_node.simulator.options import Options
from tests.simulation.mutants.small_world import READERS, small_world


def _ambushed(options: Options, *ambushes: str, **changes: Any) -> Options:
    """Leaders whom nobody tells that they are deposed, promises that last long, and clients that ask both the old and the new."""
    defaults: dict[str, Any] = {
        "clients": 8,
        "keys": 1,
        "commands": 400,
        "think_ms_max": 20,
        "heartbeat_ms": 30,
        "election_timeout_ms": 300,
        "read_lease_ms": 300,
        "check_quorum": False,
    }
    faults = {"ambush": 3.0, "ambushes": ambushes, "down_ms_max": 30, "partition_ms_max": 1_500, "pause_ms_max": 1_200}
    faults |= changes.pop("faults", {})
    network = {"delay_us_min": 10, "delay_us_mean": 200, "partitions": ("one", "bridge")} | changes.pop("network", {})
    load = READERS | {"patience_ms": 1_000, "writes": 0.5, "lease_reads": 0.7} | changes.pop("load", {})
    return small_world(options, faults=faults, network=network, load=load, **(defaults | changes))


def early_votes(options: Options) -> Options:
    """Someone is cut off, asks for votes, and whoever leads hears nothing of it, and has written nothing more meanwhile: after that the
    log of whoever was cut off would be too old."""
    return _ambushed(
        options,
        "promise none receiver now, starving receiver",
        "pre-vote none receiver now, alone leader",
        "vote none receiver now, deaf leader",
        faults={"partition": 0.8, "ambush": 5.0},
        clients=4,
        think_ms_max=60,
        commands=1_000,
        network={"partitions": ("bridge",)},
    )


def early_votes_of_the_restarted(options: Options) -> Options:
    """As `early-votes`, and whoever is asked for its vote begins anew."""
    return _ambushed(
        options,
        "promise none receiver now, starving receiver",
        "refused kill sender later, alone leader",
        faults={"partition": 0.8, "ambush": 5.0},
        clients=4,
        think_ms_max=60,
        commands=1_000,
        network={"partitions": ("bridge",)},
    )


def offers(options: Options) -> Options:
    """Leadership is offered, and whoever offered it hears nothing of what comes of that."""
    return _ambushed(options, "offer none receiver now, deaf leader", "offer none receiver now, alone leader", transfers=4.0)


def late_answers(options: Options) -> Options:
    """Answers come when their senders follow another leader, and nothing else is heard of that."""
    return _ambushed(options, "promise late receiver soon, alone receiver", load={"lease_reads": 0.9}, commands=1_000)


def late_confirmations(options: Options) -> Options:
    """As `late-answers`, where rounds of heartbeats confirm reads."""
    return _ambushed(options, "confirmation late receiver soon, alone receiver", load={"lease_reads": 0.1}, commands=1_000)


def late_indexes(options: Options) -> Options:
    """As `late-confirmations`, where followers ask how fresh they are."""
    load = {"levels": ("stale",), "lease_reads": 0.0}
    return _ambushed(options, "read-index late receiver soon, alone receiver", load=load, commands=1_000)


def frozen(options: Options) -> Options:
    """Leaders stand still, and what was sent to them meanwhile is gone."""
    return _ambushed(options, "promise pause receiver soon, deaf receiver", "promise pause receiver soon, alone receiver")
