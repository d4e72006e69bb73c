"""What a leader knows of one member: the window, the three states and their table."""

from __future__ import annotations

import pytest

from quorate_node.protocol.raft.inflights import Inflights
from quorate_node.protocol.raft.progress import PROGRESS_TRANSITIONS, Progress, ProgressEvent, ProgressState


def progress(state: ProgressState = ProgressState.PROBE, *, match: int = 3, messages_max: int = 2, bytes_max: int = 100) -> Progress:
    made = Progress(match, match + 1, Inflights(messages_max, bytes_max), is_learner=False, recent_active=True)
    if state is ProgressState.REPLICATE:
        assert made.handle(ProgressEvent.ACKNOWLEDGED)
    elif state is ProgressState.SNAPSHOT:
        assert made.handle(ProgressEvent.COMPACTED, 20)
    return made


@pytest.mark.parametrize("state", ProgressState)
@pytest.mark.parametrize("event", ProgressEvent)
def test_the_table_is_what_happens(state: ProgressState, event: ProgressEvent) -> None:
    made = progress(state)
    target = PROGRESS_TRANSITIONS.get((state, event))
    assert made.handle(event, 20 if event is ProgressEvent.COMPACTED else 0) == (target is not None)
    assert made.state is (target or state)
    assert 0 <= made.match < made.next
    if made.state is ProgressState.SNAPSHOT:
        assert made.next == made.pending_snapshot + 1


def test_the_window_is_full_by_messages_or_by_bytes() -> None:
    by_messages = Inflights(2, 0)
    by_messages.add(1, 10**9)
    assert not by_messages.full()
    by_messages.add(2, 0)
    assert by_messages.full()
    by_bytes = Inflights(9, 100)
    by_bytes.add(1, 99)
    assert not by_bytes.full()
    by_bytes.add(2, 99)
    assert by_bytes.full()
    by_bytes.free_up_to(1)
    assert len(by_bytes) == 1
    assert not by_bytes.full()


def test_nothing_is_sent_into_a_full_window() -> None:
    window = Inflights(1, 0)
    window.add(1, 1)
    with pytest.raises(AssertionError):
        window.add(2, 1)


def test_a_probe_pauses_with_its_first_entries_and_replication_with_a_full_window() -> None:
    probe = progress()
    probe.sent_entries(0, 0)
    assert not probe.is_paused()
    probe.sent_entries(1, 5)
    assert probe.is_paused()
    replicating = progress(ProgressState.REPLICATE)
    replicating.sent_entries(1, 60)
    assert not replicating.is_paused()
    replicating.sent_entries(1, 60)
    assert replicating.is_paused()
    assert replicating.next == 6


def test_stale_rejections_change_nothing() -> None:
    replicating = progress(ProgressState.REPLICATE)
    assert not replicating.step_back(3, 1)
    probe = progress()
    assert not probe.step_back(9, 1)
    assert probe.step_back(3, 1)
    assert probe.next == 4, "never below what is known to match"


def test_a_commit_index_is_not_told_twice() -> None:
    replicating = progress(ProgressState.REPLICATE)
    assert replicating.can_bump_commit(2)
    replicating.sent_commit = 3
    assert not replicating.can_bump_commit(3)
    assert not replicating.can_bump_commit(9), "it cannot commit beyond what it was sent"


def test_a_delivered_snapshot_is_the_base_of_the_next_probe() -> None:
    made = progress(ProgressState.SNAPSHOT)
    made.handle(ProgressEvent.SNAPSHOT_DONE)
    assert made.next == 21
    failed = progress(ProgressState.SNAPSHOT)
    failed.handle(ProgressEvent.SNAPSHOT_FAILED)
    assert failed.next == 4


def test_its_status_line() -> None:
    made = progress(ProgressState.REPLICATE)
    made.sent_entries(1, 1)
    made.sent_entries(1, 1)
    made.recent_active = False
    made.is_learner = True
    assert str(made) == "StateReplicate match=3 next=6 learner paused inactive inflight=2[full]"
    assert str(progress(ProgressState.SNAPSHOT)) == "StateSnapshot match=3 next=21 paused pendingSnap=20"


def test_a_copy_is_equal_and_independent() -> None:
    made = progress(ProgressState.REPLICATE)
    copy = made.clone()
    assert str(copy) == str(made)
    copy.is_learner = True
    assert not made.is_learner
