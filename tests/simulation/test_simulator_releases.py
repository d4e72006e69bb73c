"""Members of two releases: rolled up and down one after the other under load, until an entry activates what is new, and after it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from quorate_node.machine.committed import Committed
from quorate_node.machine.rules import RULES
from quorate_node.machine.stage import Stage
from quorate_node.replica.versions import Versions
from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.run import run_seed
from tests.simulation.planted_bug import found_in

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = range(6)


def rolling(seed: int) -> Options:
    """Releases change all the time; leases are granted, and compactions asked for, which is what the next release changes."""
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(calm.faults, release=1.5, kill=0.3, partition=0.3, partition_ms_max=500, down_ms_max=300)
    return msgspec.structs.replace(
        calm, members=3, spares=1, witness=False, faults=faults, clients=5, commands=300, think_ms_max=100, leases=True, compactions=0.05,
        membership_changes=0.2, activations=0.4, election_timeout_ms=200, tick_ms=10, heartbeat_ms=50, digest_interval=1,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_releases_are_rolled_under_load_and_who_cannot_follow_is_refused() -> None:
    counters: Counter[str] = Counter()
    for seed in SEEDS:
        result = run_seed(seed, options=rolling(seed))
        assert result.ok, result.failure()
        counters.update(result.outcome.counters)
    assert counters["upgraded"] > 10
    assert counters["downgraded"] > 5
    assert counters["version not activated"] > 2, "asked for while somebody runs the previous release"
    assert counters["version activated"] >= len(SEEDS)
    assert counters["stopped as too old"] > 0


def settled(seed: int) -> Options:
    """Who runs which release stays so for long, and somebody asks for the next version."""
    options = rolling(seed)
    faults = msgspec.structs.replace(quiet(options).faults, release=0.01)
    return msgspec.structs.replace(options, faults=faults, membership_changes=0.0, commands=600, think_ms_max=200, activations=0.2)


@pytest.mark.timeout(300)
def test_an_activation_that_nobody_was_asked_for_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Versions, "require_all", lambda *_: None)
    assert found_in(settled, {"activated for all"}, range(20))


@pytest.mark.timeout(300)
def test_new_rules_before_their_activation_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next release applies as it likes from its first start: the previous one then comes to another state."""
    begin = Stage.__init__

    def begin_with_new_rules(self: Stage, committed: Committed, **options: Any) -> None:
        begin(self, committed, **options)
        self.rules = RULES[committed.release.version_high]

    monkeypatch.setattr(Stage, "__init__", begin_with_new_rules)
    assert found_in(rolling, {"state equality", "equal results"}, range(20))
