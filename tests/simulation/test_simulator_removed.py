"""Members that are removed while nobody reaches them: they are told so when they come again, and do not ask any more."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from quorate_node.replica.replica import Replica
from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.run import run_seed

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = range(6)


def missed_removals(seed: int) -> Options:
    """Single members are cut off again and again, while others come and go."""
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(calm.faults, partition=2.0, partition_ms_max=1_500)
    network = msgspec.structs.replace(calm.network, partitions=("one",))
    return msgspec.structs.replace(
        calm, members=5, spares=1, non_voting=0, witness=False, faults=faults, network=network, clients=3, watchers=0, commands=200,
        think_ms_max=150, membership_changes=3.0, election_timeout_ms=200, tick_ms=10, heartbeat_ms=50, cpu_ns=0,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_a_member_that_missed_its_removal_is_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int]] = []
    on_removed = Replica.on_removed

    def noted(self: Replica, text: str) -> None:
        on_removed(self, text)
        told.append((self.removed, self.member_id))

    monkeypatch.setattr(Replica, "on_removed", noted)
    counters: Counter[str] = Counter()
    for seed in SEEDS:
        result = run_seed(seed, options=missed_removals(seed))
        assert result.ok, result.failure()
        counters.update(result.outcome.counters)
    assert counters["network told of removal"] == len(told) >= 2, counters
    assert {text for text, _ in told} == {
        f"member {member_id} was removed from this cluster; start it with an empty data directory to join again" for _, member_id in told
    }
    assert len(told) < 4 * len({member_id for _, member_id in told}), "each was told of it by few, and asked nobody any more"
