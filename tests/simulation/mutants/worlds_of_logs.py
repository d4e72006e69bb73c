"""Worlds in which logs differ, are written late, cut, damaged, or replaced by snapshots."""

from __future__ import annotations

import msgspec

from quorate_node.simulator.options import Options
from tests.simulation.mutants.small_world import small_world


def crashes(options: Options) -> Options:
    """Power fails while slow syncs are under way, and elections follow each other."""
    return small_world(
        options,
        faults={"power_loss": 2.0, "power_loss_all": 0.5, "kill": 0.5, "partition": 0.5, "partition_ms_max": 500, "down_ms_max": 100},
        disk=msgspec.structs.replace(options.disk, sync_us_mean=20_000),
        election_timeout_ms=100,
        heartbeat_ms=20,
        read_lease_ms=0,
        pre_vote=False,
        commands=150,
    )


def reordered(options: Options) -> Options:
    """Messages overtake each other, are lost and come twice, one entry at a time."""
    return small_world(
        options,
        faults={"partition": 0.7, "partition_ms_max": 600},
        network={"in_order": False, "loss": 0.05, "duplication": 0.2, "straggling": 0.1, "delay_us_mean": 2_000},
        append_bytes_max=0,
        inflight_messages_max=256,
        pipeline_entries_max=64,
        batch_commands_max=1,
        think_ms_max=5,
        clients=8,
    )


def figure_8(options: Options) -> Options:
    """Leaders are cut off or killed in the middle of replicating: logs end differently on each member."""
    return small_world(
        options,
        faults={"partition": 2.0, "partition_ms_max": 500, "kill": 1.5, "down_ms_max": 200, "clog": 1.0},
        network={"in_order": False, "delay_us_mean": 10_000, "loss": 0.05},
        append_bytes_max=0,
        inflight_messages_max=256,
        pipeline_entries_max=64,
        batch_commands_max=1,
        think_ms_max=100,
        clients=6,
        election_timeout_ms=100,
        heartbeat_ms=20,
        read_lease_ms=0,
        pre_vote=False,
        recent_bytes_max=1 << 20,
        commands=150,
    )


def slow_figure_8(options: Options) -> Options:
    """As `figure-8`, and what was written waits long for its sync: a whole end of a log may be in memory alone when it is replaced."""
    options = figure_8(options)
    return msgspec.structs.replace(
        options,
        disk=msgspec.structs.replace(options.disk, sync_us_mean=50_000),
        faults=msgspec.structs.replace(options.faults, disk_stall=3.0, pause_ms_max=1_500, kill=0.3),
        think_ms_max=20,
        commands=300,
    )


def lagging(options: Options) -> Options:
    """Followers are left behind while they still write what they were sent before."""
    return small_world(
        options,
        faults={"clog": 2.0, "partition": 0.5, "partition_ms_max": 500},
        network={"loss": 0.1, "straggling": 0.05, "duplication": 0.1, "in_order": False},
        disk=msgspec.structs.replace(options.disk, sync_us_mean=20_000, executor_us_max=50_000),
        log_keep_entries=1,
        compact_every_entries=10,
        append_bytes_max=0,
        inflight_messages_max=4,
        pipeline_entries_max=64,
        batch_commands_max=1,
        clients=8,
        think_ms_max=5,
        commands=400,
    )


def snapshots(options: Options) -> Options:
    """Whoever was away needs a snapshot; messages come twice and late."""
    return small_world(
        options,
        faults={"partition": 0.7, "partition_ms_max": 1_500, "kill": 0.5, "down_ms_max": 1_000},
        network={"duplication": 0.2, "straggling": 0.05, "in_order": False},
        log_keep_entries=1,
        compact_every_entries=10,
        sessions=1.0,
        leases=True,
        commands=150,
    )


def compaction_crashes(options: Options) -> Options:
    """The log is cut while the newest state is still in memory, and members die."""
    return small_world(
        options,
        faults={"kill": 1.0, "power_loss": 0.5, "down_ms_max": 200},
        log_keep_entries=1,
        compact_every_entries=10,
        state_buffer_writes_max=100_000,
        watchers=1,
        commands=150,
    )


def restarts(options: Options) -> Options:
    """Members are stopped as they should be, in the middle of work that takes long."""
    return small_world(
        options,
        faults={"restart": 2.0, "down_ms_max": 200, "disk_stall": 2.0, "pause_ms_max": 2_500},
        disk=msgspec.structs.replace(options.disk, sync_us_mean=20_000),
        clients=8,
        think_ms_max=20,
        commands=300,
        check_quorum=False,
    )


def damage(options: Options) -> Options:
    """Records go bad at rest, and are read back from disk."""
    return small_world(
        options,
        faults={"damage": 2.0, "kill": 0.5, "down_ms_max": 300, "partition": 0.3, "partition_ms_max": 1_000},
        log_cache_bytes=1,
        recent_bytes_max=0,
        log_keep_entries=5_000,
        compact_every_entries=50_000,
        commands=150,
    )


def damaged_ends(options: Options) -> Options:
    """As `damage`, while members lose sight of one another and campaign: a candidate's timer reads the end of its log."""
    options = damage(options)
    faults = msgspec.structs.replace(options.faults, damage=6.0, partition=3.0, partition_ms_max=2_000)
    return msgspec.structs.replace(options, faults=faults, pre_vote=True, check_quorum=True)


def torn_files(options: Options) -> Options:
    """As `crashes`, with the production's own log and its term and vote in files of a simulated disk."""
    options = crashes(options)
    return msgspec.structs.replace(
        options, faults=msgspec.structs.replace(options.faults, power_loss=4.0), log_in_files=True, log_segment_bytes=65_536
    )


def lost_snapshots(options: Options) -> Options:
    """A witness that was away needs a snapshot, and the word of it is lost, while the connection stays. Whoever fetches one, as all
    others do, is missed by who serves it; a witness needs the word alone."""
    return small_world(
        options,
        witness=True,
        faults={
            "partition": 1.0,
            "partition_ms_max": 1_000,
            "ambush": 3.0,
            "ambushes": ("snapshot none sender now, deaf receiver", "snapshot none sender now, mute sender"),
        },
        log_keep_entries=1,
        compact_every_entries=10,
        commands=200,
        think_ms_max=100,
    )


def slow_installs(options: Options) -> Options:
    """As `snapshots`, where what a member does beside its main thread takes long, so that much happens while a snapshot takes its place."""
    options = snapshots(options)
    return msgspec.structs.replace(options, disk=msgspec.structs.replace(options.disk, executor_us_max=100_000), commands=250)
