"""Everything that differs from one seed to the next, drawn from it: sizes, timers, which faults there are, and how often they come.

Swarm testing: a world with one kind of fault finds other bugs than one with all of them, so each kind is off in many seeds, and where
it is on its rate is drawn too.
"""

from __future__ import annotations

from random import Random

import msgspec

from quorate_node.simulator.option_groups import (
    ApplicationOptions,
    DiskOptions,
    FaultOptions,
    LimitOptions,
    LoadOptions,
    NetworkOptions,
)

__all__ = [
    "ApplicationOptions",
    "DiskOptions",
    "FaultOptions",
    "LimitOptions",
    "LoadOptions",
    "NetworkOptions",
    "Options",
    "draw",
    "quiet",
    "without_later_faults",
]
SECOND_NS = 1_000_000_000


class Options(msgspec.Struct, frozen=True):
    seed: int
    members: int
    spares: int
    """More machines that membership changes may bring in."""
    witness: bool
    priorities: bool
    clients: int
    watchers: int
    commands: int
    """Operations of all clients together, after which the faults end."""
    think_ms_max: int
    keys: int
    sessions: float
    """How many of the clients use one."""
    load: LoadOptions
    network: NetworkOptions
    disk: DiskOptions
    faults: FaultOptions
    clock_drift_ppm_max: int
    clocks_jump: bool
    cpu_ns: int
    membership_changes: float
    transfers: float
    """A second, as faults."""
    compactions: float
    """Of the clients' operations, how many compact the key-value history."""
    leases: bool
    tick_ms: int
    heartbeat_ms: int
    election_timeout_ms: int
    read_lease_ms: int
    pre_vote: bool
    check_quorum: bool
    confirm_by_quorum: bool
    commit_eagerly: bool
    batch_commands_max: int
    pipeline_entries_max: int
    batch_linger_ms: int
    announce_commit_ms: int
    append_bytes_max: int
    inflight_messages_max: int
    recent_bytes_max: int
    committed_bytes_per_ready_max: int
    log_cache_bytes: int
    state_buffer_writes_max: int
    log_keep_entries: int
    compact_every_entries: int
    snapshot_chunk_bytes: int
    digest_interval: int
    watch_buffer_events_max: int
    range_chunk_keys: int
    log_in_files: bool = False
    """The log is the production's, in files of a simulated disk; else one in memory under the same rules."""
    log_segment_bytes: int = 65_536
    limits: LimitOptions = LimitOptions()
    application: ApplicationOptions = ApplicationOptions()
    bursts: float = 0.0
    """A second: so many clients at one moment that queues fill."""
    activations: float = 0.0
    """A second: somebody asks for the next release's cluster version."""
    reboots_set_clocks: bool = False
    """A machine that comes back from a loss of power has a clock that begins anywhere, before or after where it was."""
    non_voting: int = 0
    """More machines, which join under load as members without a vote, and never get one."""

    def text(self) -> str:
        """For people: a line a group, rates that are zero left out."""
        lines = []
        for name, value in msgspec.to_builtins(self).items():
            if isinstance(value, dict):
                shown = ", ".join(f"{key} {_figure(rate)}" for key, rate in value.items() if rate)
                lines.append(f"  {name}: {shown or 'none'}")
        flat = [f"{name} {_figure(value)}" for name, value in msgspec.to_builtins(self).items() if not isinstance(value, dict)]
        return "\n".join([f"  {', '.join(flat)}", *lines])


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw(seed: int, commands: int | None = None) -> Options:
    """`commands` overrides how much the clients do; the rest stays what the seed says."""
    random = Random(f"options {seed}")
    election_heartbeats = random.choice((5, 10, 10, 20))
    heartbeat_ms = random.choice((20, 50, 100))
    calm = random.random() < 0.1
    drawn_commands = random.choice((100, 300, 600))
    options = Options(
        seed=seed,
        members=random.choice((1, 3, 3, 3, 5, 5, 7)),
        spares=random.choice((0, 0, 1, 2)),
        witness=random.random() < 0.2,
        priorities=random.random() < 0.2,
        clients=random.randint(2, 8),
        watchers=random.randint(0, 3),
        commands=commands if commands is not None else drawn_commands,
        think_ms_max=random.choice((5, 50, 300)),
        keys=random.choice((1, 5, 40)),
        sessions=random.choice((0.0, 0.3, 1.0)),
        load=_load(Random(f"load {seed}")),
        network=_network(random),
        disk=DiskOptions(random.choice((50, 500, 5_000)), random.choice((10, 1_000, 20_000))),
        faults=_faults(random, calm),
        clock_drift_ppm_max=random.choice((0, 100, 50_000)),
        clocks_jump=random.random() < 0.1,
        cpu_ns=random.choice((0, 0, 1_000, 10_000)),
        membership_changes=_sometimes(random, 0.3, 1.0),
        transfers=_sometimes(random, 0.4, 1.0),
        compactions=_sometimes(random, 0.5, 0.05),
        leases=random.random() < 0.5,
        tick_ms=heartbeat_ms // random.choice((1, 2, 5)),
        heartbeat_ms=heartbeat_ms,
        election_timeout_ms=heartbeat_ms * election_heartbeats,
        read_lease_ms=random.choice((0, 60, 100)),
        pre_vote=random.random() < 0.9,
        check_quorum=random.random() < 0.9,
        confirm_by_quorum=random.random() < 0.8,
        commit_eagerly=random.random() < 0.2,
        batch_commands_max=random.choice((1, 3, 4096)),
        pipeline_entries_max=random.choice((1, 1, 4, 64)),
        batch_linger_ms=random.choice((0, 1)),
        announce_commit_ms=random.choice((1, 10, 50)),
        append_bytes_max=random.choice((0, 300, 1 << 20)),
        inflight_messages_max=random.choice((1, 4, 256)),
        recent_bytes_max=random.choice((0, 1_000, 1 << 20)),
        committed_bytes_per_ready_max=random.choice((1, 1_000, 16 << 20)),
        log_cache_bytes=random.choice((1, 1_000, 1 << 20)),
        state_buffer_writes_max=random.choice((1, 50, 100_000)),
        log_keep_entries=random.choice((1, 5, 50, 5_000)),
        compact_every_entries=random.choice((10, 30, 100, 50_000)),
        snapshot_chunk_bytes=random.choice((100, 1_000, 1 << 20)),
        digest_interval=random.choice((1, 7, 100)),
        watch_buffer_events_max=random.choice((1, 4, 4_096)),
        range_chunk_keys=random.choice((2, 1_000)),
    )
    return options if calm else _with_later_faults(options, Random(f"later options {seed}"))


def _with_later_faults(options: Options, random: Random) -> Options:
    """Kinds that were added later are drawn for themselves, so that the seeds without them stay what they were."""
    panic = random.choice((20, 50, 100))
    faults = msgspec.structs.replace(
        options.faults,
        failpoint=_sometimes(random, 0.35, 4.0),
        failpoint_panic_percent=panic,
        failpoint_error_percent=random.choice((0, 50, 100)) * (100 - panic) // 100,
        failpoint_sleep_ms_max=random.choice((20, 200, 1_000)),
    )
    faults = msgspec.structs.replace(
        faults,
        suspend=_sometimes(Random(f"suspend {options.seed}"), 0.3, 1.0),
        freeze=_sometimes(Random(f"freeze {options.seed}"), 0.1, 1.0),
        wall_clock=_sometimes(Random(f"wall clock {options.seed}"), 0.3, 2.0),
        release=_sometimes(Random(f"release {options.seed}"), 0.15, 2.0),
        ambush=_sometimes(Random(f"ambush {options.seed}"), 0.4, 4.0),
    )
    application = _application(Random(f"application {options.seed}"))
    crowded = Random(f"limits {options.seed}")
    tight = crowded.random() < 0.2
    return msgspec.structs.replace(
        options,
        faults=msgspec.structs.replace(
            faults,
            state_stall=_sometimes(crowded, 0.2, 1.0),
            application=_sometimes(Random(f"application faults {options.seed}"), 0.9, 4.0) if application.clients else 0.0,
        ),
        application=application,
        limits=_limits(crowded) if tight else LimitOptions(),
        bursts=_sometimes(crowded, 0.8 if tight else 0.05, 2.0),
        activations=Random(f"activations {options.seed}").choice((0.05, 0.3, 1.0)) if faults.release else 0.0,
        reboots_set_clocks=Random(f"reboots {options.seed}").random() < 0.5,
        non_voting=Random(f"non-voting {options.seed}").choice((0, 0, 0, 0, 0, 0, 0, 1, 1, 2)),
        log_in_files=random.random() < 0.3,
        log_segment_bytes=random.choice((8_192, 65_536, 262_144)),
    )


def without_later_faults(options: Options) -> Options:
    """As the seed was before there were any: to see again what it found then."""
    later = ("failpoint", "suspend", "freeze", "wall_clock", "release", "state_stall", "application", "ambush")
    return msgspec.structs.replace(
        options,
        faults=msgspec.structs.replace(options.faults, **dict.fromkeys(later, 0.0)),
        limits=LimitOptions(),
        application=ApplicationOptions(),
        bursts=0.0,
        activations=0.0,
        log_in_files=False,
        reboots_set_clocks=False,
        non_voting=0,
    )


def _sometimes(random: Random, probability: float, high: float) -> float:
    """0 in most seeds, and in the others anything up to `high`, the small rates as likely as the large ones."""
    chosen, exponent = random.random() < probability, random.uniform(-2, 0)
    return high * 10**exponent if chosen else 0.0


def _application(random: Random) -> ApplicationOptions:
    if random.random() >= 0.3:
        return ApplicationOptions()
    return ApplicationOptions(
        clients=random.randint(1, 4),
        batch_commands=random.choice((1, 4, 256)),
        in_flight_commands=random.choice((1, 3, 1_024)),
        queue_commands=random.choice((1, 5, 16_384)),
        replies_kept=random.choice((1, 10, 65_536)),
        snapshot_commands=random.choice((1, 5, 20, 100)),
    )


def _limits(random: Random) -> LimitOptions:
    return LimitOptions(
        pending_commands=random.choice((0, 2, 8)),
        pending_bytes=random.choice((0, 300, 2_000)),
        pending_reads=random.choice((0, 1, 4)),
        forward_batches=random.choice((0, 1)),
        uncommitted_bytes=random.choice((0, 1, 500)),
        frame_messages_a_ms=random.choice((0, 2, 10)),
    )


def _load(random: Random) -> LoadOptions:
    return LoadOptions(
        writes=random.choice((0.3, 0.5, 0.7)),
        several=random.choice((0.1, 0.3, 0.6)),
        nested=random.choice((0.0, 0.1, 0.3)),
        past=_sometimes(random, 0.6, 0.5),
        lease_reads=random.choice((0.0, 0.25, 0.6)),
        leasing=random.choice((0.1, 0.2, 0.5)),
        lanes=random.choice((1, 1, 2, 4)),
        repeats=_sometimes(random, 0.6, 0.3),
        session_ttl_ms=random.choice((1_000, 5_000, 20_000)),
        patience_ms=random.choice((200, 1_000, 4_000, 4_000)),
        progress_ms=random.choice((20, 200, 2_000)),
    )


def _network(random: Random) -> NetworkOptions:
    return NetworkOptions(
        delay_us_min=random.choice((10, 100, 1_000)),
        delay_us_mean=random.choice((100, 500, 2_000, 10_000)),
        loss=_sometimes(random, 0.5, 0.2),
        duplication=_sometimes(random, 0.4, 0.3),
        straggling=_sometimes(random, 0.4, 0.05),
        in_order=random.random() < 0.5,
        deaths_seen=random.random() < 0.7,
        frame_messages_max=random.choice((1, 1_000)),
    )


def _faults(random: Random, calm: bool) -> FaultOptions:
    def rate(probability: float, high: float) -> float:
        drawn = _sometimes(random, probability, high)
        return 0.0 if calm else drawn

    return FaultOptions(
        kill=rate(0.6, 2.0),
        power_loss=rate(0.5, 1.0),
        power_loss_all=rate(0.2, 0.3),
        pause=rate(0.4, 1.0),
        restart=rate(0.4, 0.5),
        clock=rate(0.3, 1.0),
        partition=rate(0.6, 1.5),
        clog=rate(0.4, 1.0),
        disk_stall=rate(0.3, 0.5),
        disk_full=rate(0.2, 0.3),
        sync_failure=rate(0.2, 0.3),
        damage=rate(0.3, 0.5),
        wipe=rate(0.25, 0.3),
        down_ms_max=random.choice((50, 500, 5_000)),
        pause_ms_max=random.choice((100, 1_000, 5_000)),
        partition_ms_max=random.choice((200, 2_000, 8_000)),
    )


def quiet(options: Options) -> Options:
    """The same world without any fault: for tests, and to see what a fault adds."""
    rates = {field.name: 0.0 for field in msgspec.structs.fields(FaultOptions) if field.type is float}
    none = msgspec.structs.replace(options.faults, **rates)
    network = msgspec.structs.replace(options.network, loss=0.0, duplication=0.0, straggling=0.0)
    return msgspec.structs.replace(
        options,
        faults=none,
        network=network,
        limits=LimitOptions(),
        application=ApplicationOptions(),
        bursts=0.0,
        activations=0.0,
        membership_changes=0.0,
        transfers=0.0,
        clocks_jump=False,
    )
