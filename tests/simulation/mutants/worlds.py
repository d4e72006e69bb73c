"""Where a planted bug is looked for: what a seed draws, as it is or with the faults that such a bug needs to show itself.

A directed world answers whether the checkers see the bug once its conditions are met; the drawn one, how soon a soak meets them.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quorate_node.simulator.options import Options, draw, quiet
from tests.simulation.mutants.small_world import READERS, small_world


def _drawn(options: Options) -> Options:
    return options


def _plain(options: Options) -> Options:
    """Nothing goes wrong but what the mutant does."""
    return small_world(options, commands=100, think_ms_max=50, leases=True, watchers=1)


def _crashes(options: Options) -> Options:
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


def _elections(options: Options) -> Options:
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


def _cut_off(options: Options) -> Options:
    """Leaders go on without their followers, and clients stay with them."""
    faults = {"partition": 2.0, "partition_ms_max": 2_000, "kill": 0.1, "down_ms_max": 300}
    return small_world(options, faults=faults, load=READERS, clients=6, keys=1, commands=200, read_lease_ms=100)


def _believing(options: Options) -> Options:
    """As `cut-off`, and a leader does not ask whether it still has a quorum: that would hide a lease that lasts too long."""
    return msgspec.structs.replace(_cut_off(options), check_quorum=False, think_ms_max=20, clients=10, commands=500)


def _one_sided(options: Options) -> Options:
    """As `believing`, where one member hears both others, which do not hear each other, and promises last as long as they may.

    Writes are few: after one, whoever was cut off could not win a vote whatever was promised.
    """
    return msgspec.structs.replace(
        _believing(options),
        load=msgspec.structs.replace(options.load, **(READERS | {"writes": 0.02, "lease_reads": 0.8})),
        faults=msgspec.structs.replace(_believing(options).faults, partition=4.0, partition_ms_max=800),
        network=msgspec.structs.replace(quiet(options).network, delay_us_min=10, delay_us_mean=100, partitions=("bridge",)),
        heartbeat_ms=90,
        read_lease_ms=200,
        think_ms_max=20,
        commands=800,
    )


def _one_sided_restarts(options: Options) -> Options:
    """As `one-sided`, and members that made promises start anew."""
    options = _one_sided(options)
    return msgspec.structs.replace(options, faults=msgspec.structs.replace(options.faults, kill=6.0, down_ms_max=50))


def _slow_cut_off(options: Options) -> Options:
    """As `believing`, with messages that stay long on their way, and arrive when those who sent them follow another."""
    options = _believing(options)
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


def _new_leaders(options: Options) -> Options:
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


def _pauses(options: Options) -> Options:
    """Processes stand still for longer than a lease lasts, and hear nothing of what happened meanwhile."""
    faults = {"pause": 4.0, "pause_ms_max": 1_500, "partition": 3.0, "partition_ms_max": 1_500}
    load = READERS | {"patience_ms": 4_000, "lease_reads": 0.7}
    return small_world(
        options, faults=faults, load=load, clients=10, keys=1, commands=500, think_ms_max=20, read_lease_ms=100, check_quorum=False
    )


def _transfers(options: Options) -> Options:
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


def _reordered(options: Options) -> Options:
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


def _figure_8(options: Options) -> Options:
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


def _slow_figure_8(options: Options) -> Options:
    """As `figure-8`, and what was written waits long for its sync: a whole end of a log may be in memory alone when it is replaced."""
    options = _figure_8(options)
    return msgspec.structs.replace(
        options,
        disk=msgspec.structs.replace(options.disk, sync_us_mean=50_000),
        faults=msgspec.structs.replace(options.faults, disk_stall=3.0, pause_ms_max=1_500, kill=0.3),
        think_ms_max=20,
        commands=300,
    )


def _lagging(options: Options) -> Options:
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


def _snapshots(options: Options) -> Options:
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


def _changes(options: Options) -> Options:
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


def _hasty_changes(options: Options) -> Options:
    """As `changes`, one hard upon the other, while every entry takes long to be committed."""
    options = _changes(options)
    return msgspec.structs.replace(
        options,
        faults=msgspec.structs.replace(options.faults, wipe=2.0, down_ms_max=50),
        disk=msgspec.structs.replace(options.disk, sync_us_mean=20_000),
        membership_changes=6.0,
        commands=400,
    )


def _snapshot_changes(options: Options) -> Options:
    return msgspec.structs.replace(_changes(options), log_keep_entries=1, compact_every_entries=10)


def _leases(options: Options) -> Options:
    """Leases are granted, renewed and run out while leaders are killed."""
    load = {"leasing": 0.6, "lanes": 1}
    return small_world(options, faults={"kill": 1.0, "down_ms_max": 300}, load=load, leases=True, commands=250, think_ms_max=200)


def _restarts(options: Options) -> Options:
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


def _alone(options: Options) -> Options:
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


def _retries(options: Options) -> Options:
    """Answers are lost, and commands sent again."""
    faults = {"partition": 0.7, "partition_ms_max": 500, "kill": 0.5, "down_ms_max": 200}
    load = {"repeats": 0.2, "patience_ms": 200, "writes": 0.7}
    return small_world(options, faults=faults, network={"loss": 0.15}, load=load, sessions=0.5, commands=200, keys=1)


def _compactions(options: Options) -> Options:
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


def _compaction_crashes(options: Options) -> Options:
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


def _damage(options: Options) -> Options:
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


WORLDS: dict[str, Callable[[Options], Options]] = {
    "drawn": _drawn,
    "plain": _plain,
    "crashes": _crashes,
    "elections": _elections,
    "cut-off": _cut_off,
    "believing": _believing,
    "one-sided": _one_sided,
    "one-sided-restarts": _one_sided_restarts,
    "slow-cut-off": _slow_cut_off,
    "new-leaders": _new_leaders,
    "pauses": _pauses,
    "transfers": _transfers,
    "reordered": _reordered,
    "figure-8": _figure_8,
    "slow-figure-8": _slow_figure_8,
    "lagging": _lagging,
    "snapshots": _snapshots,
    "changes": _changes,
    "hasty-changes": _hasty_changes,
    "snapshot-changes": _snapshot_changes,
    "leases": _leases,
    "restarts": _restarts,
    "alone": _alone,
    "retries": _retries,
    "compactions": _compactions,
    "compaction-crashes": _compaction_crashes,
    "damage": _damage,
}


def options_of(world: str, seed: int) -> Options:
    return WORLDS[world](draw(seed))
