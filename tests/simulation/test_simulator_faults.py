"""Each kind of fault happens when a seed asks for it, and the cluster bears it: a fault that never comes would prove nothing."""

from __future__ import annotations

import msgspec
import pytest

from quorate_node.simulator.options import FaultOptions, NetworkOptions, Options, draw, quiet
from quorate_node.simulator.run import run_seed

pytestmark = pytest.mark.usefixtures("silent_logs")

NONE = FaultOptions(
    **{field.name: 0.0 for field in msgspec.structs.fields(FaultOptions) if field.type is float},
    down_ms_max=300,
    pause_ms_max=1_000,
    partition_ms_max=1_500,
)
NETWORK = NetworkOptions(50, 300, 0.0, 0.0, 0.0, in_order=False, deaths_seen=True, frame_messages_max=1_000)


def world(seed: int = 3, *, network: dict[str, object] | None = None, **rates: float) -> Options:
    """Five members, five clients, about ten seconds, and only the faults that are named."""
    calm = quiet(draw(seed, commands=600))
    return msgspec.structs.replace(
        calm,
        load=msgspec.structs.replace(calm.load, lanes=1, patience_ms=4_000),
        members=5,
        spares=0,
        witness=False,
        clients=5,
        think_ms_max=150,
        cpu_ns=0,
        election_timeout_ms=200,
        compact_every_entries=30,
        log_keep_entries=5,
        network=msgspec.structs.replace(NETWORK, **(network or {})),
        faults=msgspec.structs.replace(NONE, **rates),
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("counters", "options"),
    [
        (["fault kill", "connection died"], world(kill=1.0)),
        (["fault power loss", "unsynced writes dropped", "unsynced writes kept"], world(power_loss=2.0)),
        (["fault power loss of all"], world(power_loss_all=0.5)),
        (["fault restart", "connection closed"], world(restart=1.0)),
        (["fault pause"], world(pause=1.0)),
        (["partition symmetric", "partition one-way", "network partitioned"], world(partition=1.0)),
        (["fault clog", "network clogged"], world(clog=1.0)),
        (["fault ambush", "network silenced", "network narrow"], world(ambush=4.0)),
        (["fault disk stall"], world(disk_stall=1.0)),
        (["fault disk full"], world(disk_full=1.0)),
        (["fault sync failure", "process gave up"], world(sync_failure=0.5)),
        (["fault damage"], world(damage=1.0)),
        (["fault wipe"], world(wipe=0.3)),
        (["fault clock"], world(clock=2.0)),
        (["network lost", "network duplicated", "network straggler"], world(network={"loss": 0.1, "duplication": 0.2, "straggling": 0.05})),
        (["network reordered"], world()),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_the_fault_happens_and_is_borne(counters: list[str], options: Options) -> None:
    result = run_seed(options.seed, options=options)
    assert result.ok, result.failure()
    assert {name: result.outcome.counters.get(name, 0) for name in counters if not result.outcome.counters.get(name)} == {}


@pytest.mark.timeout(60)
def test_members_come_and_go_and_hand_over() -> None:
    options = msgspec.structs.replace(world(), spares=2, membership_changes=1.0, transfers=1.0)
    result = run_seed(options.seed, options=options)
    assert result.ok, result.failure()
    counters = result.outcome.counters
    assert counters["member added"] and counters["member removed"] and counters["leadership transferred"]


def test_a_quiet_world_answers_everything() -> None:
    result = run_seed(3, options=world())
    assert result.ok, result.failure()
    assert result.outcome.counters.get("operation unknown", 0) <= 5, "only what was open when the clients stopped"
