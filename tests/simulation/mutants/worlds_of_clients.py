"""Worlds in which clients, their leases, sessions and watches are what matters."""

from __future__ import annotations

from quorate_node.simulator.options import Options
from tests.simulation.mutants.small_world import small_world


def plain(options: Options) -> Options:
    """Nothing goes wrong but what the mutant does."""
    return small_world(options, commands=100, think_ms_max=50, leases=True, watchers=1)


def leases(options: Options) -> Options:
    """Leases are granted, renewed and run out while leaders are killed."""
    load = {"leasing": 0.6, "lanes": 1}
    return small_world(options, faults={"kill": 1.0, "down_ms_max": 300}, load=load, leases=True, commands=250, think_ms_max=200)


def retries(options: Options) -> Options:
    """Answers are lost, and commands sent again."""
    faults = {"partition": 0.7, "partition_ms_max": 500, "kill": 0.5, "down_ms_max": 200}
    load = {"repeats": 0.2, "patience_ms": 200, "writes": 0.7}
    return small_world(options, faults=faults, network={"loss": 0.15}, load=load, sessions=0.5, commands=200, keys=1)


def compactions(options: Options) -> Options:
    """Slow watches, small buffers, and history that goes away under them."""
    return small_world(
        options,
        faults={"kill": 0.2, "down_ms_max": 200},
        load={"writes": 0.7, "past": 0.5, "progress_ms": 20, "nested": 0.1},
        compactions=0.1,
        watchers=5,
        watch_buffer_events_max=1,
        keys=5,
        commands=200,
    )
