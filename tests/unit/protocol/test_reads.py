"""Linearizable reads: by a round of heartbeats, and by lease."""

from __future__ import annotations

import pytest

from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import DropReason, ReadDropped
from quorate_node.protocol.raft.log import RaftLog
from quorate_node.protocol.raft.promise import VotePromise
from quorate_node.protocol.raft.read_queue import PendingRead, ReadQueue
from quorate_node.protocol.ready import EventKind, ReadState, Role
from quorate_node.store.errors import Damaged
from tests.unit.protocol.group import Group
from tests.unit.protocol.test_election import pre_vote


def test_a_leader_reads_when_a_quorum_confirms_it() -> None:
    group = Group(3)
    group.elect(1)
    group[1].read_index(b"a")
    group[1].read_index(b"b")
    group.pump(1)
    assert group.reads[1] == []
    group.settle()
    commit = group[1].commit_index
    assert group.reads[1] == [ReadState(commit, b"a"), ReadState(commit, b"b")]


def test_a_follower_asks_the_leader() -> None:
    group = Group(3)
    group.elect(1)
    group[2].read_index(b"r")
    group.settle()
    assert group.reads[2] == [ReadState(group[1].commit_index, b"r")]


def test_a_leader_that_was_cut_off_confirms_nothing() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(1)
    group[1].read_index(b"r")
    group.settle(1)
    group.tick(1, 30)
    assert group.reads[1] == []
    assert group.has_event(1, EventKind.READS_DROPPED)


def test_a_lost_round_is_repeated_with_the_next_heartbeat() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(1)
    group[1].read_index(b"r")
    group.pump(1)
    group.connect()
    group.tick(1, 2)
    group.settle()
    assert [read.context for read in group.reads[1]] == [b"r"]


def test_a_round_asks_only_a_quorum_and_those_who_confirmed_last_first() -> None:
    group = Group(5, confirm_by_quorum=True)
    group.elect(1)
    group.sent.clear()
    group[1].read_index(b"a")
    group.settle()
    asked = [message.to for message in group.sent if message.type == MessageType.HEARTBEAT]
    assert asked == [2, 3]
    assert [read.context for read in group.reads[1]] == [b"a"]


def test_a_voter_that_does_not_confirm_is_not_asked_again_before_the_others() -> None:
    group = Group(3, confirm_by_quorum=True)
    group.elect(1)
    group.isolate(2)
    group[1].read_index(b"a")
    group.settle(1, 3)
    assert group.reads[1] == []
    group.tick(1, 2)
    group.settle(1, 3)
    assert [read.context for read in group.reads[1]] == [b"a"]
    group.sent.clear()
    group[1].read_index(b"b")
    group.settle(1, 3)
    assert [read.context for read in group.reads[1]] == [b"a", b"b"]
    assert [message.to for message in group.sent if message.type == MessageType.HEARTBEAT] == [3]


def test_in_a_joint_configuration_everybody_is_asked() -> None:
    group = Group(3, configuration=Configuration(voters=(1, 2), voters_outgoing=(1, 3)), confirm_by_quorum=True)
    group.elect(1)
    group.sent.clear()
    group[1].read_index(b"a")
    group.settle()
    assert {message.to for message in group.sent if message.type == MessageType.HEARTBEAT} == {2, 3}
    assert [read.context for read in group.reads[1]] == [b"a"]


@pytest.mark.parametrize("voters", [1, 3])
def test_a_new_leader_reads_only_after_a_commit_in_its_term(voters: int) -> None:
    group = Group(voters, pre_vote=False)
    group[1].campaign()
    ready = group[1].ready()
    assert ready.persist is not None
    group.logs[1].write(ready.persist)
    group[1].persisted(ready.persist)
    for message in [*ready.send_now, *ready.send_after_persist]:
        group[message.to].step(message)
    group.settle(*range(2, voters + 1)) if voters > 1 else None
    for message in [m for m in group.flights if m.to == 1]:
        group.flights.remove(message)
        group[1].step(message)
    assert group[1].role is Role.LEADER
    group[1].read_index(b"early")
    assert group[1].core.reads.waiting
    group.settle()
    assert [read.context for read in group.reads[1]] == [b"early"]
    group[1].read_index(b"late")
    group.settle()
    assert [read.context for read in group.reads[1]] == [b"early", b"late"]


def test_without_a_leader_a_read_is_refused() -> None:
    group = Group(3)
    with pytest.raises(ReadDropped) as dropped:
        group[1].read_index(b"r")
    assert dropped.value.reason is DropReason.NO_LEADER


def test_reads_that_wait_are_limited() -> None:
    group = Group(3, reads_pending_max=1)
    group.elect(1)
    group.isolate(1)
    group[1].read_index(b"a")
    with pytest.raises(ReadDropped, match="reads_pending_max is 1") as dropped:
        group[1].read_index(b"b")
    assert dropped.value.reason is DropReason.READS_LIMIT
    group[1].step(Message(MessageType.READ_INDEX, to=1, sender=2, context=b"c"), group.now_ms)
    assert group[1].core.reads.size() == 1


def test_reads_that_reach_a_former_leader_end_there_and_nothing_is_sent_in_another_members_name() -> None:
    group = Group(3)
    group.elect(1)
    before = len(group.sent)
    group[2].step(Message(MessageType.READ_INDEX, to=2, sender=3, context=b"r"), group.now_ms)
    group.settle()
    assert len(group.sent) == before and group.reads[3] == []
    group[3].read_index(b"r")
    group.settle()
    assert [read.context for read in group.reads[3]] == [b"r"], "who asked asks the new leader"


def test_leases_of_etcds_kind_answer_at_once() -> None:
    group = Group(3, lease_based_reads=True)
    group.elect(1)
    group[1].read_index(b"r")
    group.pump(1)
    assert [read.context for read in group.reads[1]] == [b"r"]
    group[2].forget_leader()
    assert group[2].lead == 1


def test_a_queue_releases_in_order_and_once() -> None:
    queue = ReadQueue()
    for name in (b"a", b"b", b"c"):
        number = queue.add(PendingRead(1, name, 5))
    assert number == queue.newest() == 3
    queue.acknowledge(2, 2)
    queue.acknowledge(2, 1)
    assert queue.acknowledged == {2: 2}
    assert [read.context for read in queue.confirm(2)] == [b"a", b"b"]
    assert queue.confirm(2) == []
    assert [read.context for read in queue.confirm(99)] == [b"c"]
    assert queue.newest() == 0
    assert not queue.reset()


# Leases (DESIGN decision 14)

LEASE_MS = 300


def leased(voters: int = 3, **settings: int | bool) -> Group:
    group = Group(voters, read_lease_ms=LEASE_MS, lease_drift_ms=10, **settings)
    group.elect(1)
    group.tick(1, 2)
    group.settle()
    return group


def test_a_lease_lasts_from_sending_less_drift() -> None:
    group = leased()
    start_ms = group.now_ms
    assert group[1].lease_valid(start_ms)
    assert group[1].lease_valid(start_ms + LEASE_MS - 11)
    assert not group[1].lease_valid(start_ms + LEASE_MS - 10)
    assert group[1].lease_read_index() == group[1].commit_index


def test_a_single_voter_needs_nobodys_promise() -> None:
    group = Group(1)
    assert not group[1].lease_valid(group.now_ms)
    group.elect(1)
    assert group[1].lease_valid(group.now_ms + 10**9)


def test_a_lease_is_judged_without_the_log_whose_entries_may_be_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's read must not meet that: it is repaired beside, or stops the member where somebody sees it."""

    def damaged(log: RaftLog, index: int) -> int:
        raise Damaged(index, index + 1, "on purpose")

    group = leased()
    monkeypatch.setattr(RaftLog, "term", damaged)
    assert group[1].lease_valid(group.now_ms)
    group[1].read_index(b"read")
    assert not group[2].lease_valid(group.now_ms)


def test_without_promises_there_is_no_lease() -> None:
    group = Group(3)
    group.elect(1)
    group.tick(1, 2)
    group.settle()
    assert not group[1].lease_valid(group.now_ms)
    assert not group[2].lease_valid(group.now_ms)


def test_appends_renew_the_lease_as_heartbeats_do() -> None:
    group = leased()
    group.wait(200)
    group[1].tick(group.now_ms)
    group[1].propose(b"x")
    group.settle()
    assert group[1].lease_valid(group.now_ms + 200)


def test_a_member_keeps_its_promise_through_suspicion() -> None:
    group = leased()
    group[2].suspect_leader(1)
    group.tick(2, 5)
    assert group[2].role is Role.FOLLOWER, "its own vote is a vote"
    group[3].suspect_leader(1)
    answer = pre_vote(group, 2, 3, index=9, log_term=9)
    assert answer is not None
    assert answer.reject
    assert 0 < answer.lease_ms <= LEASE_MS
    group[2].campaign()
    assert group[2].role is Role.FOLLOWER
    group.wait(LEASE_MS)
    group.tick(2)
    assert group[2].role is Role.PRE_CANDIDATE


def test_an_election_timeout_within_a_promise_campaigns_with_the_first_tick_after_it() -> None:
    group = Group(3, read_lease_ms=1_000)
    group.elect(1)
    group[1].propose(b"x")
    group.settle()
    group.isolate(1)
    group.tick(2, 25)
    assert group[2].role is Role.FOLLOWER, "its timeout of 10 ticks is long over, its promise is not"
    group.wait(1_000)
    group.tick(2)
    assert group[2].role is Role.PRE_CANDIDATE


def test_what_keeps_two_followers_apart_begins_when_their_promises_end() -> None:
    group = Group(3, read_lease_ms=80)
    group.elect(1)
    group[1].propose(b"x")
    group.settle()
    group.isolate(1)
    group[2].suspect_leader(1)
    group[3].suspect_leader(4)
    group.wait(80)
    group.tick(3)
    assert group[3].role is Role.FOLLOWER, "its turn comes three ticks after the other's"
    group.tick(2)
    assert group[2].role is Role.PRE_CANDIDATE


def test_a_promised_vote_is_not_answered_and_its_term_not_taken_over() -> None:
    group = leased()
    group[3].suspect_leader(1)
    term = group[3].term
    before = len(group.sent)
    group[3].step(Message(MessageType.VOTE, to=3, sender=2, term=term + 1, index=9, log_term=9), group.now_ms)
    group.pump(3)
    assert (group[3].term, len(group.sent)) == (term, before)
    group.wait(LEASE_MS)
    group[3].step(Message(MessageType.VOTE, to=3, sender=2, term=term + 1, index=9, log_term=9), group.now_ms)
    assert group[3].vote == 2


def test_a_promise_binds_in_a_newer_term_too() -> None:
    group = leased()
    term = group[3].term + 1
    group[3].step(Message(MessageType.APPEND_RESPONSE, to=3, sender=2, term=term), group.now_ms)
    assert (group[3].term, group[3].vote) == (term, 0)
    group[3].step(Message(MessageType.VOTE, to=3, sender=2, term=term, index=9, log_term=9), group.now_ms)
    assert group[3].vote == 0


def test_a_pre_candidate_asks_again_when_the_promise_is_over() -> None:
    group = leased()
    group.isolate(1)
    group[2].core.promise = VotePromise(0, 0)
    group[3].suspect_leader(10**6)
    group[2].suspect_leader(1)
    group.tick(2)
    group.settle(2, 3)
    assert group.last_sent(MessageType.PRE_VOTE_RESPONSE, 2).lease_ms > 0
    assert group[2].role is Role.PRE_CANDIDATE, "member 3 refused"
    waited_ms = 0
    while group[2].role is not Role.LEADER:
        group.tick(2)
        group.settle(2, 3)
        waited_ms += 10
        assert waited_ms < LEASE_MS + 100
    assert waited_ms >= LEASE_MS - 50


def test_a_restarted_member_keeps_promises_that_it_may_have_made() -> None:
    group = leased()
    raft = group.start(3, group.logs[3])
    assert not group[3].core.promise.yields_to(group.now_ms, 10**6, 10**9), "whom it promised is not known, so nothing overrides it"
    answer = pre_vote(group, 2, 3, index=9, log_term=9)
    assert answer is not None
    assert answer.reject
    group.wait(LEASE_MS)
    raft.step(Message(MessageType.VOTE, to=3, sender=2, term=9, index=9, log_term=9), group.now_ms)
    assert raft.vote == 2


def test_a_vote_given_already_is_confirmed_whatever_was_promised() -> None:
    group = leased()
    group.wait(LEASE_MS + 1)
    ask = {"to": 3, "sender": 2, "term": 9, "index": 9, "log_term": 9}
    group[3].forget_leader()
    group[3].step(Message(MessageType.VOTE, **ask), group.now_ms)
    group[3].core.promise.until_ms = group.now_ms + 1_000
    before = len(group.sent)
    group[3].step(Message(MessageType.VOTE, **ask), group.now_ms)
    group.pump(3)
    assert [m.reject for m in group.sent[before:] if m.type == MessageType.VOTE_RESPONSE] == [False, False]


def test_a_transfer_drops_the_lease_first_and_then_overrides_promises() -> None:
    group = leased()
    group[1].transfer_leadership(2)
    assert not group[1].lease_valid(group.now_ms)
    group.settle()
    assert group[2].role is Role.LEADER, "at once, although everybody had promised"


def test_promises_made_after_an_offer_count_again_and_the_offer_overrides_only_the_others() -> None:
    group = leased()
    group.lost = lambda message: message.type == MessageType.TIMEOUT_NOW
    group[1].transfer_leadership(2)
    group.pump(1)
    late = group.last_sent(MessageType.TIMEOUT_NOW, 2)
    while group[1].lead_transferee:
        group.tick(1, 2)
        group.settle()
    assert group.has_event(1, EventKind.TRANSFER_ABORTED)
    group.tick(1, 2)
    group.settle()
    assert group[1].lease_valid(group.now_ms), "promised for what was sent after the offer"
    group[2].step(late, group.now_ms)
    group.settle()
    assert group[1].role is Role.LEADER, "the late offer finds everybody bound again"


def test_a_promise_is_only_ever_extended() -> None:
    promise = VotePromise(0, 0)
    promise.make(100, 50, 3, 7)
    promise.make(120, 10, 3, 5)
    assert (promise.until_ms, promise.term, promise.sent_ms) == (150, 3, 7)
    promise.make(130, 50, 4, 1)
    assert (promise.until_ms, promise.term, promise.sent_ms) == (180, 4, 1)
    promise.make(140, 50, 2, 9)
    assert (promise.term, promise.sent_ms) == (4, 1), "an older leader's cannot loosen a newer one's"
    assert promise.yields_to(150, 5, 0)
    assert promise.yields_to(150, 4, 1)
    assert not promise.yields_to(150, 4, 0)


def test_what_an_earlier_life_promised_ends_by_itself() -> None:
    promise = VotePromise(0, 100)
    promise.make(50, 100, 3, 7)
    assert not promise.yields_to(99, 3, 7)
    assert promise.yields_to(100, 3, 7), "the new promise does not prolong the old one"
    assert promise.remaining_ms(100) == 50
