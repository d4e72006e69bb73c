"""Worlds in which members come and go."""

from __future__ import annotations

import msgspec

from quorate_node.simulator.options import Options
from tests.simulation.mutants.small_world import small_world


def changes(options: Options) -> Options:
    """Members come and go while links break."""
    return small_world(
        options,
        faults={"partition": 0.7, "partition_ms_max": 1_000, "kill": 0.3, "down_ms_max": 300},
        members=3,
        spares=3,
        membership_changes=2.0,
        commands=200,
        think_ms_max=100,
    )


def hasty_changes(options: Options) -> Options:
    """As `changes`, one hard upon the other, while every entry takes long to be committed."""
    options = changes(options)
    return msgspec.structs.replace(
        options,
        faults=msgspec.structs.replace(options.faults, wipe=2.0, down_ms_max=50),
        disk=msgspec.structs.replace(options.disk, sync_us_mean=20_000),
        membership_changes=6.0,
        commands=400,
    )


def split_changes(options: Options) -> Options:
    """As `changes`, where a leader is cut off together with some of the others, new ones among them, and goes on as long as it can."""
    options = changes(options)
    return msgspec.structs.replace(
        options,
        faults=msgspec.structs.replace(options.faults, partition=2.5, partition_ms_max=2_000, kill=0.0, wipe=1.0, down_ms_max=50),
        network=msgspec.structs.replace(options.network, partitions=("halves",)),
        membership_changes=3.0,
        check_quorum=False,
    )


def snapshot_changes(options: Options) -> Options:
    return msgspec.structs.replace(changes(options), log_keep_entries=1, compact_every_entries=10)


def long_away(options: Options) -> Options:
    """Whoever comes back after long finds members that it has never heard of, and one of them may lead."""
    return small_world(
        options,
        faults={"kill": 0.5, "down_ms_max": 8_000},
        members=3,
        spares=3,
        membership_changes=1.5,
        transfers=2.0,
        log_keep_entries=5_000,
        compact_every_entries=50_000,
        commands=250,
        think_ms_max=400,
    )
