"""Raft's promises over what members recorded: a small cluster's life that keeps them, and the smallest that breaks each."""

from __future__ import annotations

import pytest

from quorate.wire.results import PutResult
from quorate_node.simulator.checkers import raft_elections, raft_logs
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.history import Applied, CommittedEntry, History, Led, Promised, Stored
from tests.unit.simulator.checkers.records import history, ns, put


def led(at_s: float, member: str, term: int) -> Led:
    return Led(ns(at_s), member, int(member[1:]), term)


def promised(at_s: float, member: str, term: int, vote: int = 0) -> Promised:
    return Promised(ns(at_s), member, int(member[1:]), term, vote)


def stored(at_s: float, member: str, index: int, term: int, leaf: bytes | None = None, member_id: int = 0) -> Stored:
    return Stored(ns(at_s), member, member_id or int(member[1:]), index, term, b"%d/%d" % (index, term) if leaf is None else leaf)


def committed(at_s: float, index: int, term: int, revision: int = 0) -> CommittedEntry:
    return CommittedEntry(index, term, 0, b"x", ns(at_s), "n1", (PutResult(revision),) if revision else ())


def applied(at_s: float, member: str, index: int, digest: bytes = b"d", boot: int = 1) -> Applied:
    return Applied(ns(at_s), member, boot, index, b"%s%d" % (digest, index))


LIFE = History(
    led=[led(1, "n1", 1), led(5, "n2", 3)],
    promised=[promised(0, "n1", 1, 1), promised(0, "n2", 1, 1), promised(4, "n2", 2), promised(4.5, "n2", 3, 2), promised(4.6, "n3", 3, 2)],
    stored=[
        stored(1, "n1", 1, 1), stored(1.1, "n2", 1, 1), stored(2, "n1", 2, 1), stored(2.1, "n2", 2, 1), stored(3, "n1", 3, 1),
        stored(5, "n2", 3, 3), stored(5.5, "n1", 3, 3), stored(6, "n3", 2, 1, b""), stored(6, "n3", 3, 3),
    ],
    committed=[committed(1.5, 1, 1), committed(2.5, 2, 1), committed(5.6, 3, 3)],
    applied=[applied(1.5, "n1", 1), applied(2.5, "n1", 2), applied(2.6, "n2", 2), applied(6, "n2", 3), applied(7, "n2", 2, boot=2)],
)  # fmt: skip


@pytest.mark.parametrize(
    ("checker", "judged"),
    [
        (raft_elections.election_safety, 2),
        (raft_elections.one_vote_a_term, 4),
        (raft_elections.terms_never_fall, 5),
        (raft_logs.log_matching, 9),
        (raft_logs.leader_completeness, 1),
        (raft_logs.state_machine_safety, 5),
        (raft_logs.applied_never_falls, 5),
    ],
)
def test_a_life_that_keeps_its_promises(checker: object, judged: int) -> None:
    assert checker(Evidence(LIFE)) == judged  # type: ignore[operator]
    assert raft_logs.committed_is_durable(Evidence(LIFE)) == 0


def test_two_leaders_of_one_term() -> None:
    with pytest.raises(Violated, match=r"term 4 has two leaders:\n  n1 \(id 1\) at 1.000000s\n  n2 \(id 2\) at 2.000000s"):
        raft_elections.election_safety(Evidence(History(led=[led(1, "n1", 4), led(2, "n2", 4)])))
    assert raft_elections.election_safety(Evidence(History(led=[led(1, "n1", 4), led(2, "n1", 4)]))) == 2


def test_two_votes_in_one_term() -> None:
    with pytest.raises(Violated, match="two votes in one term"):
        raft_elections.one_vote_a_term(Evidence(History(promised=[promised(1, "n1", 4, 1), promised(2, "n1", 4, 2)])))


def test_a_term_that_goes_back_and_a_vote_that_is_forgotten() -> None:
    with pytest.raises(Violated, match="a term went back"):
        raft_elections.terms_never_fall(Evidence(History(promised=[promised(1, "n1", 4), promised(2, "n1", 3)])))
    with pytest.raises(Violated, match="a vote was forgotten"):
        raft_elections.terms_never_fall(Evidence(History(promised=[promised(1, "n1", 4, 2), promised(2, "n1", 4)])))
    with pytest.raises(Violated, match="two votes"):
        forgetful = [promised(1, "n1", 4, 2), promised(2, "n1", 4), promised(3, "n1", 4, 3)]
        raft_elections.one_vote_a_term(Evidence(History(promised=forgetful)))


def test_two_entries_of_one_index_and_term() -> None:
    with pytest.raises(Violated, match="two entries have one index and term"):
        raft_logs.log_matching(Evidence(History(stored=[stored(1, "n1", 1, 1), stored(1, "n2", 1, 1, b"other")])))


def test_one_entry_after_different_ones() -> None:
    left = [stored(1, "n1", 1, 1), stored(2, "n1", 2, 3)]
    right = [stored(1, "n2", 1, 2), stored(2, "n2", 2, 3)]
    with pytest.raises(Violated, match=r"differ before it(.|\n)*after an entry of term 1(.|\n)*after an entry of term 2"):
        raft_logs.log_matching(Evidence(History(stored=[*left, *right])))


TERM_1 = {"led": [led(1, "n1", 1), led(5, "n2", 3)], "committed": [committed(2, 1, 1)]}


def test_a_leader_that_lacks_a_committed_entry() -> None:
    begun = [stored(1, "n1", 1, 1)]
    with pytest.raises(Violated, match=r"nothing before its own(.|\n)*n2 \(id 2\) led term 3 from 5.000000s on(.|\n)*index 1 term 1"):
        raft_logs.leader_completeness(Evidence(History(stored=[*begun, stored(5, "n2", 1, 3)], **TERM_1)))
    with pytest.raises(Violated, match="it had there an entry of term 2"):
        raft_logs.leader_completeness(Evidence(History(stored=[*begun, stored(2, "n2", 1, 2), stored(5, "n2", 2, 3)], **TERM_1)))


def test_a_leader_whose_log_is_written_later_or_is_a_snapshot() -> None:
    """It was elected with what it had in memory; its own entry comes after that, on disk too."""
    late = [stored(1, "n1", 1, 1), stored(2, "n2", 1, 2), stored(5.1, "n2", 1, 1), stored(5.1, "n2", 2, 3)]
    assert raft_logs.leader_completeness(Evidence(History(stored=late, **TERM_1))) == 1
    snapshot = [stored(1, "n1", 1, 1), stored(2, "n2", 1, 1, b""), stored(5, "n2", 2, 3)]
    assert raft_logs.leader_completeness(Evidence(History(stored=snapshot, **TERM_1))) == 1
    died = [stored(1, "n1", 1, 1)]
    assert raft_logs.leader_completeness(Evidence(History(stored=died, **TERM_1))) == 0


def test_a_leader_of_an_old_term_promises_nothing_of_a_newer_one() -> None:
    """It learns of its votes in term 2 after the leader of term 3 has committed."""
    late = History(
        led=[led(3, "n1", 3), led(5, "n2", 2)], stored=[stored(3, "n1", 1, 3), stored(5, "n2", 1, 2)], committed=[committed(4, 1, 3)]
    )
    assert raft_logs.leader_completeness(Evidence(late)) == 0


def test_two_states_at_one_index() -> None:
    with pytest.raises(Violated, match="two states at one index"):
        raft_logs.state_machine_safety(Evidence(History(applied=[applied(1, "n1", 2), applied(2, "n2", 2, b"e")])))


def test_an_applied_index_that_goes_back_within_a_life() -> None:
    with pytest.raises(Violated, match="the applied index went back"):
        raft_logs.applied_never_falls(Evidence(History(applied=[applied(1, "n1", 2), applied(2, "n1", 1)])))


def test_a_log_that_is_cut_below_what_was_applied() -> None:
    done = {"committed": [committed(1, 1, 1)], "applied": [applied(2, "n1", 1)]}
    assert raft_logs.committed_is_durable(Evidence(History(stored=[stored(3, "n1", 1, 1)], **done))) == 1
    with pytest.raises(Violated, match="cut below what its member had applied"):
        raft_logs.committed_is_durable(Evidence(History(stored=[stored(0, "n1", 1, 1), stored(3, "n1", 1, 2)], **done)))
    anew = [stored(0, "n1", 1, 1), stored(3, "n1", 1, 2, member_id=9)]
    assert raft_logs.committed_is_durable(Evidence(History(stored=anew, **done))) == 0, "an empty disk is a new member"


def test_an_acknowledged_write_that_is_in_no_entry() -> None:
    told = [committed(1, 1, 1, revision=2)]
    assert raft_logs.committed_is_durable(Evidence(history(put(b"a", 0, 1, 2), committed=told))) == 1
    with pytest.raises(Violated, match="in no committed entry"):
        raft_logs.committed_is_durable(Evidence(history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 3), committed=told)))
