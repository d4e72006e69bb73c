"""Members that never vote: let in under load and faults, kept up to date, asked by clients like all others, and never given a vote."""

from __future__ import annotations

import msgspec
import pytest

from quorate_node.replica import member as member_module
from quorate_node.simulator.case import Case
from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.run import run_case

pytestmark = pytest.mark.usefixtures("silent_logs")


def world(seed: int, **changes: object) -> Options:
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(calm.faults, kill=0.5, power_loss=0.3, partition=0.3, down_ms_max=500, partition_ms_max=500)
    return msgspec.structs.replace(
        calm, members=3, spares=0, witness=False, faults=faults, clients=4, commands=200, think_ms_max=50, log_in_files=False,
        non_voting=2, **changes,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_they_are_let_in_and_have_everything_in_the_end(seed: int) -> None:
    result, ended = run_case(Case(world(seed)))
    assert result.ok, result.failure()
    assert result.outcome.counters["member without a vote added"] == 2
    served = {operation.member.split(".")[0] for operation in ended.history.operations}
    machines = [host.life.replica.member.machine for host in ended.hosts if host.life is not None and host.life.replica.member is not None]
    joined = {record.name: record for record in machines[0].members.values() if record.non_voting}
    assert set(joined) == {"m4", "m5"}
    assert served & set(joined)
    assert {record.member_id for record in joined.values()} <= set(machines[0].configuration.learners)
    assert len(machines[0].configuration.voters) == 3


def test_they_are_removed_and_come_back_without_a_vote() -> None:
    result, _ = run_case(Case(world(1, membership_changes=2.0)))
    assert result.ok, result.failure()
    assert result.outcome.counters["member removed"] > 0


def test_a_leader_that_gives_one_a_vote_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_module, "is_non_voting", lambda _members, _member_id: False)
    result, _ = run_case(Case(world(0)))
    assert result.outcome.broken == "no vote is given"
