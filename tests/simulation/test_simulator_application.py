"""The application's own state machine (DESIGN decision 11): one list on all members, every command in it once, come what may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quorate_node.machine.application.feed import Feed
from quorate_node.machine.application.host import ApplicationHost
from quorate_node.machine.application.replies import Replies
from quorate_node.simulator import application_faults
from quorate_node.simulator.ledger import Ledger
from quorate_node.simulator.options import ApplicationOptions, Options, draw, quiet
from quorate_node.simulator.run import run_seed
from tests.simulation.planted_bug import found_in

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = range(5)


def disturbed(seed: int) -> Options:
    """The application's process is killed, hangs and raises; members die, lag behind and take snapshots."""
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(
        calm.faults, application=2.0, kill=0.5, partition=0.3, wipe=0.1, partition_ms_max=1_500, down_ms_max=500
    )
    application = ApplicationOptions(clients=3, batch_commands=4, in_flight_commands=8, queue_commands=5, snapshot_commands=5)
    network = msgspec.structs.replace(calm.network, loss=0.05)
    return msgspec.structs.replace(
        calm, members=3, spares=0, non_voting=0, witness=False, faults=faults, application=application, network=network, clients=2,
        commands=120, think_ms_max=100, election_timeout_ms=200, tick_ms=10, heartbeat_ms=50, compact_every_entries=20, log_keep_entries=3,
        digest_interval=1,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_the_application_goes_on_whatever_becomes_of_its_process() -> None:
    counters: Counter[str] = Counter()
    for seed in SEEDS:
        result = run_seed(seed, options=disturbed(seed))
        assert result.ok, result.failure()
        counters.update(result.outcome.counters)
    wanted = ["answered", "rejected", "restored", "dies", "hangs", "hangs for good", "raises"]
    assert {name: counters[f"application {name}"] for name in wanted if counters[f"application {name}"] < 3} == {}


@pytest.mark.timeout(300)
def test_commands_that_are_given_twice_after_a_restart_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that forgets how far its consumer was."""
    rewind = Feed.rewind

    def rewind_too_far(self: Feed, index: int, until_index: int) -> None:
        rewind(self, max(index - 10, 0), until_index)

    monkeypatch.setattr(Feed, "rewind", rewind_too_far)
    assert found_in(disturbed, {"application exactly once", "application equality"}, range(10))


@pytest.mark.timeout(300)
def test_a_queue_that_forgets_what_did_not_fit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What overflows is dropped, and never read from the log."""
    offer = Feed.offer

    def forget(self: Feed, item: Any) -> bool:
        reading = self._read_until
        taken = offer(self, item)
        if reading is None:
            self._read_until = None
        return taken

    monkeypatch.setattr(Feed, "offer", forget)
    assert found_in(disturbed, {"application equality", "application answers", "application progress"}, range(10))


@pytest.mark.timeout(300)
def test_an_answer_to_another_command_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve, earlier = Replies.resolve, dict[int, Any]()

    def resolve_late(self: Replies, place: tuple[int, int], result: Any) -> None:
        resolve(self, place, earlier.get(id(self), result))
        earlier[id(self)] = result

    monkeypatch.setattr(Replies, "resolve", resolve_late)
    assert found_in(disturbed, {"application answers", "application order"}, range(10))


@pytest.mark.timeout(300)
def test_a_machine_that_goes_by_its_own_member_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not deterministic: what it does depends on where it runs."""
    apply = Ledger.apply

    def apply_here(self: Ledger, index: int, payload: bytes) -> bytes:
        return apply(self, index, payload + self._member.encode())

    monkeypatch.setattr(Ledger, "apply", apply_here)
    assert found_in(disturbed, {"application equality", "application answers"}, range(10))


@pytest.mark.timeout(300)
def test_a_snapshot_from_a_member_whose_machine_has_failed_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has none of the application; who took it asks the others for that part, and goes on."""
    taken: list[int] = []
    take_over = ApplicationHost.take_over

    async def noted(self: ApplicationHost, index: int, snapshot: Path, applied_index: Callable[[], int]) -> None:
        await take_over(self, index, snapshot, applied_index)
        taken.append(index)

    monkeypatch.setattr(ApplicationHost, "take_over", noted)
    monkeypatch.setattr(application_faults, "HOWS", ("raises",))
    for seed in range(4):
        options = disturbed(seed)
        faults = msgspec.structs.replace(options.faults, application=4.0, wipe=1.0, kill=0.0)
        result = run_seed(seed, options=msgspec.structs.replace(options, faults=faults, members=5))
        assert result.ok, result.failure()
    assert taken, "nobody lacked it: this shows nothing, and other seeds or rates are due"
