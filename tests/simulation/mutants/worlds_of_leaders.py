"""Worlds in which leaders come and go, and others still believe in the last one."""

from __future__ import annotations

import msgspec

from quorate_node.simulator.options import Options, quiet
from tests.simulation.mutants.small_world import READERS, small_world


def elections(options: Options) -> Options:
    """Candidates meet: short timeouts, slow messages, leaders killed."""
    return small_world(
        options,
        faults={"kill": 2.0, "down_ms_max": 100, "partition": 0.5, "partition_ms_max": 300},
        network={"delay_us_mean": 10_000, "in_order": False},
        election_timeout_ms=100,
        heartbeat_ms=50,
        read_lease_ms=0,
        pre_vote=False,
        members=5,
    )


def cut_off(options: Options) -> Options:
    """Leaders go on without their followers, and clients stay with them."""
    faults = {"partition": 2.0, "partition_ms_max": 2_000, "kill": 0.1, "down_ms_max": 300}
    return small_world(options, faults=faults, load=READERS, clients=6, keys=1, commands=200, read_lease_ms=100)


def believing(options: Options) -> Options:
    """As `cut-off`, and a leader does not ask whether it still has a quorum: that would hide a lease that lasts too long."""
    return msgspec.structs.replace(cut_off(options), check_quorum=False, think_ms_max=20, clients=10, commands=500)


def one_sided(options: Options) -> Options:
    """As `believing`, where one member hears both others, which do not hear each other, and promises last as long as they may.

    Writes are few: after one, whoever was cut off could not win a vote whatever was promised.
    """
    return msgspec.structs.replace(
        believing(options),
        load=msgspec.structs.replace(options.load, **(READERS | {"writes": 0.02, "lease_reads": 0.8})),
        faults=msgspec.structs.replace(believing(options).faults, partition=4.0, partition_ms_max=800),
        network=msgspec.structs.replace(quiet(options).network, delay_us_min=10, delay_us_mean=100, partitions=("bridge",)),
        heartbeat_ms=90,
        read_lease_ms=200,
        think_ms_max=20,
        commands=800,
    )


def one_sided_restarts(options: Options) -> Options:
    """As `one-sided`, and members that made promises start anew."""
    options = one_sided(options)
    return msgspec.structs.replace(options, faults=msgspec.structs.replace(options.faults, kill=6.0, down_ms_max=50))


def slow_cut_off(options: Options) -> Options:
    """As `believing`, with messages that stay long on their way, and arrive when those who sent them follow another."""
    options = believing(options)
    return msgspec.structs.replace(
        options,
        faults=msgspec.structs.replace(options.faults, partition=5.0, partition_ms_max=800),
        network=msgspec.structs.replace(
            quiet(options).network, delay_us_min=100, delay_us_mean=4_000, straggling=0.5, in_order=False, partitions=("leader",)
        ),
        commit_eagerly=True,
        read_lease_ms=200,
        think_ms_max=10,
        commands=800,
    )


def new_leaders(options: Options) -> Options:
    """Leaders die, their followers hear late what is committed, and what the next one writes takes long to be durable."""
    return small_world(
        options,
        faults={"kill": 2.0, "down_ms_max": 100},
        network={"delay_us_min": 10, "delay_us_mean": 100, "deaths_seen": True},
        load=READERS,
        disk=msgspec.structs.replace(options.disk, sync_us_mean=20_000),
        clients=10,
        keys=1,
        commands=500,
        think_ms_max=5,
        announce_commit_ms=50,
        commit_eagerly=False,
        read_lease_ms=100,
    )


def slow_new_leaders(options: Options) -> Options:
    """As `new-leaders`, whose own first entries take longest, and who are known to lead at once."""
    options = new_leaders(options)
    return msgspec.structs.replace(
        options,
        disk=msgspec.structs.replace(options.disk, sync_us_mean=100_000),
        faults=msgspec.structs.replace(options.faults, kill=3.0),
        load=msgspec.structs.replace(options.load, lease_reads=0.8, patience_ms=200),
        heartbeat_ms=20,
        tick_ms=5,
        election_timeout_ms=300,
        announce_commit_ms=200,
    )


def pauses(options: Options) -> Options:
    """Processes stand still for longer than a lease lasts, and hear nothing of what happened meanwhile."""
    faults = {"pause": 4.0, "pause_ms_max": 1_500, "partition": 3.0, "partition_ms_max": 1_500}
    load = READERS | {"patience_ms": 4_000, "lease_reads": 0.7}
    return small_world(
        options, faults=faults, load=load, clients=10, keys=1, commands=500, think_ms_max=20, read_lease_ms=100, check_quorum=False
    )


def transfers(options: Options) -> Options:
    """Leadership moves often, by request and by force."""
    faults = {"partition": 0.7, "partition_ms_max": 1_000, "kill": 0.3, "down_ms_max": 300}
    network = {"loss": 0.3, "delay_us_min": 10, "delay_us_mean": 100}
    return small_world(
        options,
        faults=faults,
        network=network,
        load=READERS,
        transfers=5.0,
        clients=10,
        keys=1,
        commands=600,
        think_ms_max=5,
        read_lease_ms=200,
        check_quorum=False,
    )


def alone(options: Options) -> Options:
    """One member, killed in the middle of its work, whose writes take long."""
    return small_world(
        options,
        faults={"kill": 5.0, "down_ms_max": 50},
        load=READERS | {"lease_reads": 0.1},
        disk=msgspec.structs.replace(options.disk, sync_us_mean=20_000),
        members=1,
        clients=8,
        think_ms_max=20,
        keys=2,
        commands=600,
    )
