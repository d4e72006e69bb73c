"""Proposals, Ready and what is reported back: nothing leaves before what it depends on is durable."""

from __future__ import annotations

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.protocol.raft import DropReason, InvariantBroken, ProposalDropped, Raft, RaftConfig
from quorate_node.protocol.ready import HardState, Role
from tests.simulation.raft_world.disk import Log
from tests.unit.protocol.group import Group


def test_a_vote_leaves_only_after_it_is_durable() -> None:
    group = Group(3)
    group[1].step(Message(MessageType.VOTE, to=1, sender=2, term=5, index=1, log_term=1))
    ready = group[1].ready()
    assert ready.send_now == []
    assert [message.type for message in ready.send_after_persist] == [MessageType.VOTE_RESPONSE]
    assert ready.persist is not None
    assert ready.persist.must_sync
    assert ready.persist.hard_state == HardState(5, 2, 1)


def test_a_commit_index_alone_needs_no_sync() -> None:
    group = Group(3)
    group.elect(1)
    core = group[2].core
    core.log.append([Entry(core.log.last_index + 1, group[1].term)])
    group.pump(2)
    core.log.commit_to(core.log.last_index)
    ready = group[2].ready()
    assert ready.persist is not None
    assert not ready.persist.must_sync


def test_answers_wait_for_writes_under_way() -> None:
    group = Group(2)
    group.elect(1)
    group[1].propose(b"x")
    group.pump(1)
    append = group.flights.pop()
    group[2].step(append)
    first = group[2].ready()
    assert first.persist is not None
    assert first.persist.entries
    group[2].step(append)
    second = group[2].ready()
    assert second.persist is not None
    assert (second.persist.entries, second.persist.hard_state, second.persist.must_sync) == ([], None, False)
    assert second.send_after_persist
    with pytest.raises(ValueError, match="not the oldest outstanding"):
        group[2].persisted(second.persist)
    group.logs[2].write(first.persist)
    group[2].persisted(first.persist)
    group[2].persisted(second.persist)
    with pytest.raises(ValueError, match="not the oldest outstanding"):
        group[2].persisted(second.persist)
    group[2].step(append)
    assert group[2].ready().persist is None, "nothing is under way: the answer may leave at once"


def test_committed_entries_wait_until_they_are_durable_here() -> None:
    group = Group(2)
    group.elect(1)
    index = group[1].propose(b"x")
    group.pump(1)
    append = group.flights.pop()
    append.commit = index
    group[2].step(append)
    ready = group[2].ready()
    assert group[2].commit_index == index
    assert ready.committed == []
    assert ready.persist is not None
    group.logs[2].write(ready.persist)
    group[2].persisted(ready.persist)
    assert [entry.index for entry in group[2].ready().committed] == [index]


def test_a_write_of_an_old_term_acknowledges_nothing() -> None:
    """The entries may be replaced by others that are not written yet, and then by themselves again."""
    group = Group(3)
    group.elect(1)
    last = group[2].last_index
    term = group[1].term
    group[2].step(Message(MessageType.APPEND, to=2, sender=1, term=term, index=last, log_term=term, entries=[Entry(last + 1, term)]))
    first = group[2].ready().persist
    group[2].step(Message(MessageType.HEARTBEAT, to=2, sender=3, term=term + 1))
    second = group[2].ready().persist
    assert first is not None
    assert second is not None
    group.logs[2].write(first)
    group[2].persisted(first)
    assert group[2].core.log.unstable.entries
    group.logs[2].write(second)
    group[2].persisted(second)
    assert not group[2].core.log.unstable.entries, "the later write vouches for them"


def test_a_ready_is_told_once() -> None:
    group = Group(1)
    group[1].campaign()
    assert group[1].has_ready()
    group.pump(1)
    assert not group[1].has_ready()
    empty = group[1].ready()
    assert (empty.soft_state, empty.persist, empty.install, empty.committed, empty.events) == (None, None, None, [], [])


def test_an_index_is_applied_in_order_and_repeats_do_no_harm() -> None:
    group = Group(1)
    group.elect(1)
    applied = group[1].applied_index
    group[1].applied(applied - 1)
    assert group[1].applied_index == applied
    with pytest.raises(ValueError, match="report what was handed out in order"):
        group[1].applied(applied + 1)


# Proposals


def test_proposals_are_refused_where_nobody_or_somebody_else_leads() -> None:
    group = Group(3)
    with pytest.raises(ProposalDropped) as dropped:
        group[1].propose(b"x")
    assert dropped.value.reason is DropReason.NO_LEADER
    group.elect(1)
    with pytest.raises(ProposalDropped, match="member 1 leads") as dropped:
        group[2].propose(b"x")
    assert dropped.value.reason is DropReason.NOT_LEADER
    group[2].step(Message(MessageType.PROPOSE, to=2, sender=3, entries=[Entry(0, 0, 0, b"x")]))
    group[1].step(Message(MessageType.PROPOSE, to=1, sender=3, entries=[Entry(0, 0, 0, b"x")]))
    group.settle()
    assert group.data(1) == [], "commands are forwarded above the protocol"


def test_proposals_are_forwarded_where_that_is_configured() -> None:
    group = Group(3, disable_proposal_forwarding=False)
    group.elect(1)
    assert group[2].propose(b"x") == 0
    group.settle()
    assert group.data(1) == [b"x"]


def test_what_waits_to_be_applied_is_limited() -> None:
    group = Group(3, uncommitted_bytes_max=100)
    group.elect(1)
    group.isolate(1)
    group[1].propose(bytes(300))
    with pytest.raises(ProposalDropped, match="uncommitted_bytes_max is 100") as dropped:
        group[1].propose(b"x")
    assert dropped.value.reason is DropReason.UNCOMMITTED_LIMIT
    assert group[1].status().uncommitted_bytes == 300
    group.connect()
    for _ in range(4):
        group.tick(1, 2)
        group.settle()
    assert group[1].status().uncommitted_bytes == 0
    group[1].propose(b"x")


# Starting


def restart(hard_state: HardState, last: int, *, start: int = 0, applied: int = 0) -> Raft:
    known = Configuration(voters=(1, 2))
    log = Log(SnapshotMetadata(start, 1 if start else 0, known), hard_state, [Entry(i, 1) for i in range(start + 1, last + 1)], known)
    return Raft(RaftConfig(member_id=1), log, random_ticks=lambda low, high: low, applied=applied)


def test_a_restart_resumes_where_the_disk_is() -> None:
    raft = restart(HardState(4, 2, 3), 5, applied=2)
    assert (raft.id, raft.term, raft.vote, raft.lead, raft.role) == (1, 4, 2, 0, Role.FOLLOWER)
    assert (raft.commit_index, raft.applied_index, raft.last_index) == (3, 2, 5)
    assert not raft.has_ready() or [entry.index for entry in raft.ready().committed] == [3]


def test_a_commit_index_that_was_not_written_is_made_up_for() -> None:
    assert restart(HardState(4, 2, 3), 9, start=6).commit_index == 6, "what was compacted was committed"
    raft = restart(HardState(4, 2, 3), 9, applied=8)
    assert (raft.commit_index, raft.applied_index) == (8, 8), "what was applied was committed"
    assert restart(HardState(4, 2, 6), 9, start=6, applied=2).applied_index == 6


def test_a_log_that_lost_entries_is_refused() -> None:
    with pytest.raises(InvariantBroken, match="stored commit index 7 is beyond the log's end 5"):
        restart(HardState(4, 2, 7), 5)
    with pytest.raises(InvariantBroken, match="the machine has applied index 7, but the log ends at 5"):
        restart(HardState(4, 2, 3), 5, applied=7)


def test_the_status_is_a_copy_and_lists_progress_only_where_it_is_known() -> None:
    group = Group(3)
    group.elect(1)
    status = group[1].status()
    assert (status.id, status.lead, status.role, status.vote) == (1, 1, Role.LEADER, 1)
    assert list(status.progress) == [1, 2, 3]
    assert group[2].status().progress == {}
    group[1].propose(b"x")
    assert status.last_index == group[1].last_index - 1
    assert status.configuration == group[1].configuration
    assert not status.pending_membership
    assert status.first_index == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("member_id", 0),
        ("election_ticks", 5),
        ("heartbeat_ticks", 0),
        ("inflight_messages_max", 0),
        ("inflight_bytes_max", 10),
        ("uncommitted_bytes_max", -1),
        ("committed_bytes_per_ready_max", 0),
        ("reads_pending_max", 0),
        ("read_lease_ms", -1),
        ("lease_drift_ms", -1),
        ("tick_ms", 0),
        ("snapshot_retry_ticks", -1),
    ],
)
def test_settings_out_of_range_are_named(setting: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{setting} is {value}, allowed is"):
        RaftConfig(**({"member_id": 1} | {setting: value}))  # type: ignore[arg-type]


def test_etcds_leases_need_the_check_of_the_quorum() -> None:
    with pytest.raises(ValueError, match="check_quorum is False"):
        RaftConfig(member_id=1, lease_based_reads=True, check_quorum=False)
