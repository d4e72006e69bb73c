"""Replication: probing, pipelining, flow control, snapshots, witnesses."""

from __future__ import annotations

import pytest

from quorate_node.protocol.entry import CHAIN_START, Entry, EntryType, chain_hash, leaf_hash
from quorate_node.protocol.membership import ChangeKind, Configuration
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.protocol.raft import ProgressState, replication
from quorate_node.protocol.raft.progress import ProgressEvent
from quorate_node.protocol.ready import EventKind
from tests.unit.protocol.group import Group, change


def test_a_proposal_is_applied_by_everybody() -> None:
    group = Group(3)
    group.elect(1)
    index = group[1].propose(b"x")
    group.settle()
    assert [group.data(member) for member in (1, 2, 3)] == [[b"x"]] * 3
    assert group[1].commit_index == index == group[3].applied_index


def test_where_nobody_listens_nothing_is_said_and_all_else_is_the_same() -> None:
    group = Group(3, silent=True)
    group.elect(1)
    index = group[1].propose(b"x")
    group.settle()
    assert group[3].applied_index == index and group.traced == []


def test_entries_that_cannot_be_read_yet_are_not_sent_as_an_empty_append_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(2)
    group.elect(1)
    group.settle()
    group[1].propose(b"x")
    monkeypatch.setattr(type(group[1].core.log), "entries_from", lambda *_: [])
    group[1].core.messages.clear()
    group[1].core.tracker.progress[2].next = group[1].last_index
    assert not replication.send_append(group[1].core, 2, if_empty=False)
    assert group[1].core.messages == []


def test_commit_indexes_travel_with_the_next_message_when_not_eager() -> None:
    group = Group(3, commit_eagerly=False)
    group.elect(1)
    group[1].propose(b"x")
    group.settle()
    assert (group.data(1), group.data(2)) == ([b"x"], [])
    group.tick(1, 2)
    group.settle()
    assert group.data(2) == [b"x"]


def test_a_diverged_tail_is_replaced() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(1)
    for _ in range(3):
        group[1].propose(b"lost")
    group.settle(1)
    group.flights.clear()
    group.wait(10_000)
    for member in (2, 3):
        group[member].core.leader = 0
    group[2].campaign()
    group.settle(2, 3)
    group[2].propose(b"kept")
    group.settle(2, 3)
    group.connect()
    for _ in range(3):
        group.tick(2, 2)
        group.settle()
    assert [group.data(member) for member in (1, 2, 3)] == [[b"kept"]] * 3
    assert group.logs[1].tail == group.logs[2].tail


def test_a_full_window_pauses_and_an_answer_resumes() -> None:
    group = Group(2, inflight_messages_max=2, append_bytes_max=0)
    group.elect(1)
    group.lost = lambda message: message.type == MessageType.APPEND
    for number in range(5):
        group[1].propose(bytes([number]))
    group.pump(1)
    progress = group[1].status().progress[2]
    assert progress.is_paused
    assert progress.inflight_messages == 2
    assert progress.lag == 5
    group.connect()
    for _ in range(3):
        group.tick(1, 2)
        group.settle()
    assert group[2].last_index == group[1].last_index
    assert not group[1].status().progress[2].is_paused


def test_the_window_counts_bytes_too() -> None:
    group = Group(2, inflight_bytes_max=150, append_bytes_max=100)
    group.elect(1)
    group.lost = lambda message: message.type == MessageType.APPEND
    for _ in range(4):
        group[1].propose(bytes(90))
    group.pump(1)
    assert group[1].status().progress[2].inflight_messages == 2


def test_an_unreachable_member_is_probed() -> None:
    group = Group(2)
    group.elect(1)
    group[1].report_unreachable(2)
    group[1].report_unreachable(9)
    assert group[1].status().progress[2].state is ProgressState.PROBE
    group[1].report_unreachable(2)
    group[2].report_unreachable(1)
    group.tick(1, 2)
    group.settle()
    assert group[1].status().progress[2].state is ProgressState.REPLICATE


def lagging() -> Group:
    """Member 3 lacks entries that were compacted."""
    group = Group(3, snapshot_retry_ticks=20)
    group.elect(1)
    group.isolate(3)
    for number in range(5):
        group[1].propose(bytes([number]))
    group.settle(1, 2)
    log = group.logs[1]
    log.compact(SnapshotMetadata(group[1].applied_index, group[1].term, Configuration(voters=(1, 2, 3))))
    group.connect()
    return group


def test_a_member_behind_the_log_gets_a_snapshot() -> None:
    group = lagging()
    group.tick(1, 4)
    group.settle()
    assert group[3].applied_index == group[1].applied_index
    assert group[1].status().progress[3].state is ProgressState.REPLICATE
    assert group.logs[3].start.index == group[1].applied_index
    group[1].propose(b"after")
    group.settle()
    assert group.data(3) == [b"after"]


def test_a_member_that_is_not_heard_from_gets_no_snapshot() -> None:
    group = lagging()
    progress = group[1].core.tracker.progress[3]
    progress.recent_active = False
    progress.handle(ProgressEvent.UNREACHABLE)
    group[1].propose(b"x")
    group.pump(1)
    assert any("ignore sending snapshot" in line for line in group.traced)


def test_the_outcome_of_a_snapshot_is_reported() -> None:
    for ok, base in ((True, 7), (False, 2)):
        group = lagging()
        group.lost = lambda message: message.type == MessageType.SNAPSHOT
        group.tick(1, 4)
        group.settle()
        assert group[1].status().progress[3].state is ProgressState.SNAPSHOT
        assert group[1].status().progress[3].pending_snapshot == 7
        group[1].report_snapshot(3, ok)
        group[1].report_snapshot(9, ok)
        group[1].report_snapshot(2, ok)
        status = group[1].status().progress[3]
        assert (status.state, status.next, status.is_paused) == (ProgressState.PROBE, base + 1, True)


def test_a_lost_snapshot_is_sent_again() -> None:
    group = lagging()
    group.lost = lambda message: message.type == MessageType.SNAPSHOT
    group.tick(1, 4)
    group.settle()
    group.connect()
    for _ in range(20):
        group.tick(1, 2)
        group.settle()
    assert group[3].applied_index == group[1].applied_index


def test_an_older_snapshot_than_expected_will_do_when_the_log_goes_on_from_there() -> None:
    group = lagging()
    group.lost = lambda message: message.type == MessageType.SNAPSHOT
    group.tick(1, 4)
    group.settle()
    progress = group[1].core.tracker.progress[3]
    answer = Message(MessageType.APPEND_RESPONSE, to=1, sender=3, term=group[1].term, index=4)
    group[1].step(answer, group.now_ms)
    assert progress.state is ProgressState.SNAPSHOT, "entry 5 is not in the log any more"
    answer.index = 7
    group[1].step(answer, group.now_ms)
    assert progress.state is ProgressState.REPLICATE


def test_useless_snapshots_are_ignored() -> None:
    group = Group(3)
    group.elect(1)
    group[1].propose(b"x")
    group.settle()
    before = group[2].status()
    known = Configuration(voters=(1, 2, 3))
    for snapshot in (None, SnapshotMetadata(1, 1, known), SnapshotMetadata(90, 1, Configuration(voters=(1, 3)))):
        group[2].step(Message(MessageType.SNAPSHOT, to=2, sender=1, term=group[1].term, snapshot=snapshot), group.now_ms)
        group.pump(2)
    assert group[2].status() == before


def test_a_snapshot_of_what_the_log_holds_only_commits_it() -> None:
    group = Group(2)
    group.elect(1)
    group.lost = lambda message: message.type == MessageType.APPEND_RESPONSE
    group[1].propose(b"x")
    group.settle()
    index = group[2].last_index
    snapshot = SnapshotMetadata(index, group[1].term, Configuration(voters=(1, 2)))
    group[2].step(Message(MessageType.SNAPSHOT, to=2, sender=1, term=group[1].term, snapshot=snapshot), group.now_ms)
    group.pump(2)
    assert group[2].commit_index == index
    assert group.data(2) == [b"x"]


def test_a_late_append_is_answered_with_the_commit_index() -> None:
    group = Group(2)
    group.elect(1)
    group[1].propose(b"x")
    group.settle()
    group[2].step(Message(MessageType.APPEND, to=2, sender=1, term=group[1].term, index=1, log_term=1), group.now_ms)
    group.pump(2)
    assert group.last_sent(MessageType.APPEND_RESPONSE, 1).index == group[2].commit_index


def test_an_acknowledgement_beyond_the_log_counts_for_nothing() -> None:
    group = Group(3)
    group.elect(1)
    commit = group[1].commit_index
    group[1].step(Message(MessageType.APPEND_RESPONSE, to=1, sender=2, term=group[1].term, index=10**6), group.now_ms)
    assert group[1].commit_index == commit
    assert group[1].status().progress[2].match == commit


def test_a_stale_rejection_changes_nothing() -> None:
    group = Group(2)
    group.elect(1)
    before = group[1].status()
    for log_term in (0, 1):
        group[1].step(
            Message(MessageType.APPEND_RESPONSE, to=1, sender=2, term=group[1].term, index=1, reject=True, log_term=log_term), group.now_ms
        )
    assert group[1].status() == before


def test_a_witness_stores_hashes_and_whole_changes_of_membership() -> None:
    group = Group(3, configuration=Configuration(voters=(1, 2, 3), witnesses=(3,)))
    group.elect(1)
    group[1].propose(b"secret")
    group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 9))
    group.settle()
    full, stripped = group.logs[1].tail, group.logs[3].tail
    assert [entry.type for entry in stripped] == [EntryType.STRIPPED, EntryType.STRIPPED, EntryType.MEMBERSHIP]
    assert [leaf_hash(entry) for entry in full] == [leaf_hash(entry) for entry in stripped]
    chains = []
    for tail in (full, stripped):
        chain = CHAIN_START
        for entry in tail:
            chain = chain_hash(chain, entry)
        chains.append(chain)
    assert chains[0] == chains[1]
    assert group[3].configuration.learners == (9,)


def test_a_witness_votes_but_a_cluster_of_leader_and_witness_survives_only_with_the_leader() -> None:
    group = Group(3, configuration=Configuration(voters=(1, 2, 3), witnesses=(3,)))
    group.elect(1)
    group.isolate(2)
    group[1].propose(b"x")
    group.settle(1, 3)
    assert group.data(1) == [b"x"], "leader and witness are a quorum"
    group[1].transfer_leadership(3)
    assert group[1].lead_transferee == 0, "a witness never leads"


def _sent_to(messages: list[Message], to: int) -> list[int]:
    return [entry.index for message in messages if message.to == to for entry in message.entries]


def test_a_witness_is_told_of_nothing_that_no_member_with_data_has_on_its_disk() -> None:
    """Its leader could lose that with its power: the witness would vote for nobody who lacks it, and lead nobody to it."""
    group = Group(3, configuration=Configuration(voters=(1, 2, 3), witnesses=(3,)))
    group.elect(1)
    index = group[1].propose(b"x")
    ready = group[1].ready()
    assert (_sent_to(ready.send_now, 2), _sent_to(ready.send_now, 3)) == ([index], [])
    assert ready.persist is not None
    group.logs[1].write(ready.persist)
    group[1].persisted(ready.persist, group.now_ms)
    for message in ready.send_after_persist:
        group[1].step(message, group.now_ms)
    assert _sent_to(group[1].ready().send_now, 3) == [index]


def test_what_a_follower_has_stored_goes_to_the_witness_also_while_the_leaders_disk_stalls() -> None:
    group = Group(3, configuration=Configuration(voters=(1, 2, 3), witnesses=(3,)))
    group.elect(1)
    index = group[1].propose(b"x")
    stalled = group[1].ready()
    group[1].step(Message(MessageType.APPEND_RESPONSE, to=1, sender=2, term=group[1].term, index=index), group.now_ms)
    after = group[1].ready()
    assert (_sent_to(stalled.send_now, 3), _sent_to(after.send_now, 3)) == ([], [index])


def test_a_learner_that_has_caught_up_is_due_for_promotion() -> None:
    group = Group(1, spares=1, promotion_lag_entries=2)
    group.elect(1)
    group.logs[1].compact(SnapshotMetadata(group[1].applied_index, group[1].term, Configuration(voters=(1,), learners=(2,))))
    group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 2))
    group.settle()
    for _ in range(3):
        group.tick(1, 2)
        group.settle()
    assert [event.member_id for event in group.events[1] if event.kind is EventKind.PROMOTION_DUE] == [2]
    group.tick(1, 12)
    assert sum(event.kind is EventKind.PROMOTION_DUE for event in group.events[1]) >= 2, "reminded while it stays a learner"
    group[1].propose_membership(change(ChangeKind.ADD_VOTER, 2))
    group.settle()
    assert group[1].configuration.voters == (1, 2)


def test_a_learner_that_lags_is_not_due() -> None:
    group = Group(1, spares=1, promotion_lag_entries=0)
    group.elect(1)
    group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 2))
    group.pump(1)
    progress = group[1].core.tracker.progress[2]
    progress.match = 1
    progress.state = ProgressState.REPLICATE
    group.tick(1, 10)
    assert not group.has_event(1, EventKind.PROMOTION_DUE)


def test_the_leaf_of_an_entry_leaves_out_its_term() -> None:
    assert leaf_hash(Entry(5, 1, EntryType.NORMAL, b"x")) == leaf_hash(Entry(5, 2, EntryType.NORMAL, b"x"))


def test_a_commit_index_is_announced_to_those_whom_nothing_has_told() -> None:
    group = Group(3, commit_eagerly=False)
    group.elect(1)
    group[1].propose(b"x")
    group.settle()
    assert group.data(2) == []
    group[2].announce_commit()
    group[1].announce_commit()
    group.settle()
    assert [group.data(member) for member in (2, 3)] == [[b"x"]] * 2
    before = len(group.sent)
    group[1].announce_commit()
    group.pump(1)
    assert len(group.sent) == before, "told once"
