"""Mistakes planted on purpose: random worlds that did not find these would prove nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quorate_node.protocol.message import Message
from quorate_node.protocol.raft import leader, lease, reads
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.errors import InvariantBroken
from quorate_node.protocol.raft.log import RaftLog
from quorate_node.protocol.raft.progress import Progress
from quorate_node.protocol.raft.promise import VotePromise
from tests.simulation.raft_world.checks import Broken
from tests.simulation.raft_world.world import World

SEEDS = 80
DURATION_MS = 3_000
Patch = pytest.MonkeyPatch


def votes_in_spite_of_promises(patch: Patch) -> None:
    patch.setattr(VotePromise, "remaining_ms", lambda self, now_ms: 0)


def counts_leases_from_receipt(patch: Patch) -> None:
    def record(core: Core, progress: Progress, message: Message) -> None:
        if message.lease_ms > 0:
            progress.lease_until_ms = core.now_ms + message.lease_ms + 200

    patch.setattr(lease, "record", record)


def confirms_reads_by_itself(patch: Patch) -> None:
    def confirm(core: Core) -> None:
        for read in core.reads.confirm(2**62):
            reads._answer(core, read)

    patch.setattr(reads, "_confirm", confirm)


def answers_before_it_is_durable(patch: Patch) -> None:
    original = Core.send

    def send(core: Core, message: Message) -> None:
        original(core, message)
        core.messages += [m for m in core.messages_after_persist if m.to != core.id]
        core.messages_after_persist = [m for m in core.messages_after_persist if m.to == core.id]

    patch.setattr(Core, "send", send)


def votes_for_older_logs(patch: Patch) -> None:
    patch.setattr(RaftLog, "is_up_to_date", lambda self, index, term: True)


def commits_older_terms_by_counting(patch: Patch) -> None:
    def maybe_commit(log: RaftLog, index: int, term: int) -> bool:
        if index <= log.committed:
            return False
        log.commit_to(index)
        return True

    patch.setattr(RaftLog, "maybe_commit", maybe_commit)


def counts_a_rejected_append(patch: Patch) -> None:
    patch.setattr(leader, "_step_back", leader._acknowledge)


@pytest.mark.parametrize(
    "plant",
    [
        votes_in_spite_of_promises,
        counts_leases_from_receipt,
        confirms_reads_by_itself,
        answers_before_it_is_durable,
        votes_for_older_logs,
        commits_older_terms_by_counting,
        counts_a_rejected_append,
    ],
)
def test_a_planted_mistake_is_found(plant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    plant(monkeypatch)
    for seed in range(SEEDS):
        try:
            World(seed).run(DURATION_MS)
        except (Broken, InvariantBroken, AssertionError):
            return
    pytest.fail(f"{plant.__name__}: {SEEDS} random worlds did not notice")
