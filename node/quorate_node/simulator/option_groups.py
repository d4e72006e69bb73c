"""Options that belong together: of wires, limits, the application, disks, faults, and what clients ask for."""

from __future__ import annotations

import msgspec


class NetworkOptions(msgspec.Struct, frozen=True):
    delay_us_min: int
    delay_us_mean: int
    loss: float
    """Of messages; requests are lost at the same rate, each way."""
    duplication: float
    straggling: float
    """How many take fifty times as long."""
    in_order: bool
    """As on one connection; else every message overtakes as it likes."""
    deaths_seen: bool
    """The connections of a killed process end; else it is only silent."""
    frame_messages_max: int
    partitions: tuple[str, ...] = ("one", "leader", "halves", "bridge")
    """Of which kinds: one member alone, a leader alone, any two sides, two sides and one that hears both."""


class LimitOptions(msgspec.Struct, frozen=True):
    """How much may wait, in queues that must fill for anybody to see what happens then. 0: as much as in production."""

    pending_commands: int = 0
    pending_bytes: int = 0
    pending_reads: int = 0
    forward_batches: int = 0
    uncommitted_bytes: int = 0
    frame_messages_a_ms: int = 0
    """On one wire: what is sent beyond it finds the transport's queue full, and is dropped."""


class ApplicationOptions(msgspec.Struct, frozen=True):
    """The application's own state machine, whose process is a worker on the loop. `clients` 0: there is none."""

    clients: int = 0
    batch_commands: int = 256
    in_flight_commands: int = 1_024
    queue_commands: int = 16_384
    replies_kept: int = 65_536
    snapshot_commands: int = 20


class DiskOptions(msgspec.Struct, frozen=True):
    sync_us_mean: int
    executor_us_max: int


class FaultOptions(msgspec.Struct, frozen=True):
    """Rates in faults a second of virtual time, over the whole cluster; 0: none of this kind."""

    kill: float
    power_loss: float
    power_loss_all: float
    pause: float
    restart: float
    clock: float
    partition: float
    clog: float
    disk_stall: float
    disk_full: float
    sync_failure: float
    damage: float
    wipe: float
    down_ms_max: int
    pause_ms_max: int
    partition_ms_max: int
    suspend: float = 0.0
    """Machines that sleep: the clock under their timers stops, the one that runs during suspend goes on."""
    freeze: float = 0.0
    """Virtual machines that their host stops: none of their clocks counts that time."""
    release: float = 0.0
    """Members are stopped and started with the previous or the next release; which of them begin with which, the seed says too."""
    state_stall: float = 0.0
    """The state's database takes no write for a while, as RocksDB with `no_slowdown` says when its flushes do not keep up."""
    application: float = 0.0
    """Its process is killed, hangs, or raises."""
    wall_clock: float = 0.0
    """The time of day of a machine is set, forward or back."""
    failpoint: float = 0.0
    failpoint_panic_percent: int = 0
    failpoint_error_percent: int = 0
    """Of the places that are set, at how many a member dies, and at how many it meets an error. At the others it is late."""
    failpoint_sleep_ms_max: int = 1
    ambush: float = 0.0
    """Faults that wait for a moment of the protocol (`ambush.Ambush`)."""
    ambushes: tuple[str, ...] = ()
    """Of which kinds, as `Ambush.text` has them; none given: any."""


class LoadOptions(msgspec.Struct, frozen=True):
    """What clients ask for. Shares are probabilities."""

    writes: float
    """Of the operations, leases and sessions aside: puts, deletes and transactions; the others read."""
    several: float
    """Of deletes and reads: over several keys."""
    nested: float
    """Of the operations of a transaction: another one."""
    past: float
    """Of reads: at an older revision."""
    lease_reads: float
    """Of reads: from the leader's lease."""
    leasing: float
    """Of all operations, where there are leases at all."""
    lanes: int
    """How many commands a client with a session has under way at a time."""
    repeats: float
    """Of the commands in a session: one that was sent before, whether it was answered or not."""
    session_ttl_ms: int
    patience_ms: int
    """How long a client waits for an answer; then it asks again, where a session makes that safe."""
    progress_ms: int
    """How often a watch that wants progress asks for it."""
    levels: tuple[str, ...] = ("linearizable", "linearizable", "stale")
    """Of reads that are not from the lease: one of these."""
