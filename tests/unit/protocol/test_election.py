"""Elections: who asks, who votes, who has to wait."""

from __future__ import annotations

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import ChangeKind, Configuration
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft.core import ROLE_CHANGES, VOTERS_FEW
from quorate_node.protocol.ready import EventKind, Role
from tests.unit.protocol.group import Group, change


def pre_vote(group: Group, sender: int, to: int, *, priority: int = 0, index: int = 1, log_term: int = 1) -> Message | None:
    """Ask `to` for a pre-vote; its answer, if it gives one."""
    before = len(group.sent)
    group[to].step(
        Message(
            MessageType.PRE_VOTE, to=to, sender=sender, term=group[to].term + 1, index=index, log_term=log_term, priority=priority
        ),
        group.now_ms,
    )
    group.pump(to)
    answers = [message for message in group.sent[before:] if message.type == MessageType.PRE_VOTE_RESPONSE]
    return answers[0] if answers else None


def test_a_follower_that_hears_nothing_becomes_leader() -> None:
    group = Group(3)
    group.tick(1, 9)
    assert group[1].role is Role.FOLLOWER
    group.tick(1)
    assert group[1].role is Role.PRE_CANDIDATE
    assert group[1].term == 1, "asking costs nobody a term"
    group.settle()
    assert [group[member].role for member in (1, 2, 3)] == [Role.LEADER, Role.FOLLOWER, Role.FOLLOWER]
    assert {group[member].lead for member in (1, 2, 3)} == {1}


def test_a_member_that_was_cut_off_disturbs_nobody() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(3)
    group.tick(3, 50)
    assert group[3].role is Role.PRE_CANDIDATE
    assert group[3].term == group[1].term
    group.connect()
    group.settle()
    assert group[1].role is Role.LEADER


def test_without_pre_vote_a_split_vote_is_tried_again() -> None:
    group = Group(2, pre_vote=False)
    group[1].campaign()
    group[2].campaign()
    group.settle()
    assert {group[1].role, group[2].role} == {Role.CANDIDATE} or Role.FOLLOWER in {group[1].role, group[2].role}
    group.tick(1, 10)
    group.settle()
    assert group[1].role is Role.LEADER
    assert group[1].term == 3


def test_a_candidate_with_an_older_log_is_refused() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(3)
    group[1].propose(b"x")
    group.settle(1, 2)
    group.connect()
    group.wait(10_000)
    for member in (1, 2, 3):
        group[member].core.leader = 0
    group[3].campaign()
    group.settle(2, 3)
    assert group.last_sent(MessageType.PRE_VOTE_RESPONSE, 3).reject
    group.settle()
    assert group[3].role is Role.FOLLOWER, "a quorum refused"


def test_a_candidate_that_gets_no_vote_puts_nobodys_campaign_off() -> None:
    """It may be the quickest again and again, by its priority or its clock, with a log that nobody can vote for."""
    group = Group(3, pre_vote=False)
    group.elect(1)
    group.isolate(3)
    group[1].propose(b"x")
    group.settle(1, 2)
    group.isolate(1)
    group.connect()
    group.wait(10_000)
    group[2].core.leader = 0
    group[2].core.election_elapsed = 6
    group[3].campaign()
    group.settle(2, 3)
    assert (group[2].role, group[2].term) == (Role.FOLLOWER, group[3].term)
    assert group[2].core.election_elapsed == 6
    group.tick(2, 4)
    group.settle(2, 3)
    assert group[2].role is Role.LEADER


def test_a_candidate_follows_the_leader_of_its_term() -> None:
    for kind in (MessageType.APPEND, MessageType.HEARTBEAT, MessageType.SNAPSHOT):
        group = Group(3, pre_vote=False)
        group[1].campaign()
        group[1].step(Message(kind, to=1, sender=2, term=2, index=1, log_term=1), group.now_ms)
        assert (group[1].role, group[1].lead) == (Role.FOLLOWER, 2)


def test_a_member_without_a_term_answers_no_hopeless_candidate() -> None:
    group = Group(1, spares=1)
    group[2].core.vetoes_left = 0
    group[2].core.log.append([Entry(1, 1)])
    assert pre_vote(group, 1, 2, index=0, log_term=0) is None
    assert pre_vote(group, 1, 2) is not None


def test_an_old_pre_vote_is_told_of_the_new_term() -> None:
    group = Group(3)
    group.elect(1)
    group[2].step(Message(MessageType.PRE_VOTE, to=2, sender=3, term=0, index=1, log_term=1), group.now_ms)
    group.pump(2)
    answer = group.last_sent(MessageType.PRE_VOTE_RESPONSE, 3)
    assert answer.reject
    assert answer.term == group[2].term


def test_a_vote_is_given_once_a_term_and_repeated_on_request() -> None:
    group = Group(3)
    ask = Message(MessageType.VOTE, to=1, sender=2, term=5, index=1, log_term=1)
    for sender, granted in ((2, True), (2, True), (3, False)):
        group[1].step(Message(MessageType.VOTE, to=1, sender=sender, term=5, index=ask.index, log_term=1), group.now_ms)
        group.pump(1)
        assert group.last_sent(MessageType.VOTE_RESPONSE, sender).reject != granted


def test_a_leader_does_not_campaign_and_nobody_skips_the_candidacy() -> None:
    group = Group(1)
    group.elect(1)
    group[1].campaign()
    assert group[1].role is Role.LEADER
    assert (Role.LEADER, Role.CANDIDATE) not in ROLE_CHANGES
    with pytest.raises(AssertionError, match="cannot become"):
        group[1].core.become_candidate()


def test_learners_witnesses_and_strangers_do_not_campaign() -> None:
    group = Group(3, configuration=Configuration(voters=(1, 2), learners=(3,), witnesses=(2,)))
    for member in (2, 3):
        group.tick(member, 100)
        group[member].campaign()
        group.pump(member)
        assert group[member].role is Role.FOLLOWER


def test_nobody_campaigns_with_an_unapplied_change_of_membership() -> None:
    group = Group(2)
    group.elect(1)
    group.lost = lambda message: message.type == MessageType.APPEND_RESPONSE
    group[1].propose_membership(change(ChangeKind.ADD_LEARNER, 9))
    group.settle()
    core = group[2].core
    core.log.commit_to(core.log.last_index)
    core.leader = 0
    group[2].campaign()
    assert group[2].role is Role.FOLLOWER
    assert any("pending configuration changes" in line for line in group.traced)


def test_plain_entries_do_not_keep_anybody_from_campaigning() -> None:
    group = Group(2)
    group.elect(1)
    group.lost = lambda message: message.type == MessageType.APPEND_RESPONSE
    group[1].propose(b"x")
    group.settle()
    core = group[2].core
    core.log.commit_to(core.log.last_index)
    core.leader = 0
    group[2].campaign()
    assert group[2].role is Role.PRE_CANDIDATE


def test_a_member_with_a_live_leader_considers_no_vote() -> None:
    group = Group(3)
    group.elect(1)
    group.tick(1, 2)
    group.settle()
    assert pre_vote(group, 3, 2, index=9, log_term=9) is None
    group[2].core.election_elapsed = 10
    assert pre_vote(group, 3, 2, index=9, log_term=9) is not None


def test_a_leader_without_quorum_steps_down_and_says_so() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(1)
    group.tick(1, 20)
    assert group[1].role is Role.FOLLOWER
    assert group.has_event(1, EventKind.STEPPED_DOWN)


def test_who_is_heard_is_counted_anew_whether_a_quorum_is_asked_for_or_not() -> None:
    """Others ask too: a member that lost its volume is let in again only when it is not heard any more under its old id."""
    group = Group(3, check_quorum=False)
    leader = group.elect(1)
    group.tick(1, 25)
    group.settle()
    progress = leader.status().progress
    assert progress[2].recent_active and progress[3].recent_active
    group.isolate(3)
    group.tick(1, 60)
    group.settle()
    progress = leader.status().progress
    assert progress[2].recent_active and not progress[3].recent_active
    assert leader.role is Role.LEADER


def test_without_the_check_a_cut_off_leader_goes_on() -> None:
    group = Group(3, check_quorum=False)
    group.elect(1)
    group.isolate(1)
    group.tick(1, 50)
    assert group[1].role is Role.LEADER


def test_a_stale_leader_learns_of_the_new_term() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(1)
    group.wait(10_000)
    for member in (2, 3):
        group[member].core.leader = 0
    group[2].campaign()
    group.settle(2, 3)
    assert group[2].role is Role.LEADER
    group.connect()
    group.tick(1, 2)
    group.settle()
    assert group[1].term == group[2].term
    group.tick(2, 2)
    group.settle()
    assert (group[1].role, group[1].lead) == (Role.FOLLOWER, 2)


def test_other_messages_of_old_terms_are_ignored() -> None:
    group = Group(3, check_quorum=False, pre_vote=False)
    group.elect(1)
    before = len(group.sent)
    for kind in (MessageType.APPEND, MessageType.VOTE, MessageType.TIMEOUT_NOW):
        group[2].step(Message(kind, to=2, sender=3, term=0), group.now_ms)
    group.pump(2)
    assert len(group.sent) == before


def test_answers_of_strangers_are_ignored() -> None:
    group = Group(2)
    group.elect(1)
    group[1].step(Message(MessageType.APPEND_RESPONSE, to=1, sender=9, term=99), group.now_ms)
    assert group[1].role is Role.LEADER


# Priority


def test_a_member_of_higher_priority_vetoes_once_and_campaigns() -> None:
    group = Group(3, priority=5)
    refused = pre_vote(group, 2, 1, priority=4)
    assert refused is not None
    assert refused.reject
    group.tick(1)
    assert group[1].role is Role.PRE_CANDIDATE
    again = Group(3, priority=5)
    again.elect(1)
    again[2].core.leader = 0
    refused = pre_vote(again, 3, 2, priority=4, index=9, log_term=2)
    assert refused is not None
    assert not refused.reject, "a longer log counts for more"
    refused = pre_vote(again, 3, 2, priority=4, index=again[2].last_index, log_term=2)
    assert refused is not None
    assert refused.reject
    granted = pre_vote(again, 3, 2, priority=4, index=again[2].last_index, log_term=2)
    assert granted is not None
    assert not granted.reject, "only once, so that somebody can be elected"


def test_equal_or_higher_priority_and_learners_are_not_vetoed() -> None:
    group = Group(3, priority=5, configuration=Configuration(voters=(1, 2), learners=(3,)))
    for to, priority in ((1, 5), (1, 6), (3, 0)):
        answer = pre_vote(group, 2, to, priority=priority)
        assert answer is not None
        assert not answer.reject


def test_a_candidate_vetoes_without_a_second_campaign() -> None:
    group = Group(3, priority=5)
    group.elect(1)
    group[2].core.leader = 0
    group[2].campaign()
    answer = pre_vote(group, 3, 2, priority=1, index=group[2].last_index, log_term=2)
    assert answer is not None
    assert answer.reject
    assert group[2].core.campaign_countdown == 0


def test_a_member_of_lower_priority_waits_longer() -> None:
    group = Group(3)
    group[1].set_priorities({2: 1, 9: 7})
    group[1].core.reset_election_timeout()
    group[3].set_priorities({9: 7})
    group[3].core.reset_election_timeout()
    assert group[1].core.randomized_election_ticks == 15
    assert group[3].core.randomized_election_ticks == 10, "only voters can win"


@pytest.mark.parametrize(("voters", "latest"), [(3, 19), (VOTERS_FEW, 19), (VOTERS_FEW + 1, 10 + VOTERS_FEW)])
def test_timeouts_of_many_voters_have_a_tick_for_each(voters: int, latest: int) -> None:
    """Else the first to be due is not alone for as long as a campaign takes."""
    core = Group(voters, silent=True)[1].core
    core.random_ticks = lambda _, high: high
    core.reset_election_timeout()
    assert core.randomized_election_ticks == latest


# Suspicion


def test_a_suspected_leader_is_replaced_at_once() -> None:
    group = Group(3)
    group.elect(1)
    group.isolate(1)
    for member in (2, 3):
        group[member].suspect_leader(2 * member)
    group.tick(2, 3)
    assert group[2].role is Role.FOLLOWER
    group.tick(2)
    group.settle(2, 3)
    assert group[2].role is Role.LEADER


def test_suspicion_of_a_leader_that_is_heard_again_is_dropped() -> None:
    group = Group(3)
    group.elect(1)
    group[2].suspect_leader(5)
    group.tick(1, 2)
    group.settle()
    assert group[2].lead == 1
    group.tick(2, 6)
    assert group[2].role is Role.FOLLOWER
    group[1].suspect_leader(1)
    assert group[1].role is Role.LEADER, "a leader suspects nobody"


def test_forgetting_the_leader_lets_a_member_vote() -> None:
    group = Group(3)
    group.elect(1)
    group[2].forget_leader()
    group[2].forget_leader()
    group[1].forget_leader()
    assert (group[1].lead, group[2].lead) == (1, 0)
    assert pre_vote(group, 3, 2, index=9, log_term=9) is not None


def test_a_member_that_installs_a_snapshot_does_not_campaign() -> None:
    group = Group(2)
    group.elect(1)
    snapshot = group.logs[1].start.__class__(50, 1, Configuration(voters=(1, 2)))
    group[2].step(Message(MessageType.SNAPSHOT, to=2, sender=1, term=group[1].term, snapshot=snapshot), group.now_ms)
    group[2].campaign()
    assert group[2].role is Role.FOLLOWER
    assert group[2].last_index == 50


def test_who_led_last_knows_it_until_another_may_have_been_elected() -> None:
    """Whoever gave its vote away cannot know what was committed since, whether it hears of that leader or not."""
    group = Group(3)
    assert not group[1].led_last
    group.elect(1)
    assert group[1].led_last
    assert not group[2].led_last
    group[1].core.become_follower(group[1].term + 1, 0)
    assert group[1].led_last, "a newer term alone elects nobody"
    group.elect(2)
    assert group[2].led_last
    assert not group[1].led_last
