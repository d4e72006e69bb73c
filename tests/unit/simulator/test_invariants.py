"""What is judged while a run goes on: whom it accuses, and whom not."""

from __future__ import annotations

from collections import Counter

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.simulator.history import History
from quorate_node.simulator.invariants import Broken, Invariants
from quorate_node.simulator.trace import Trace


@pytest.fixture
def invariants() -> Invariants:
    return Invariants(History(), Trace(None), lambda: 0, Counter(), lambda: None)


def leads(invariants: Invariants, member_id: int, term: int, log: list[int]) -> None:
    """`log`: the terms of its entries, from index 1 on."""
    invariants.led(f"m{member_id}", member_id, term, lambda index: log[index - 1], 1, len(log))


def commit(invariants: Invariants, *terms: int) -> None:
    for term in terms:
        invariants.applied("m1", [Entry(invariants.highest_index + 1, term, 0, b"")], [()])


def test_a_leader_has_what_leaders_before_it_committed(invariants: Invariants) -> None:
    leads(invariants, 1, 4, [])
    commit(invariants, 4, 4)
    leads(invariants, 2, 5, [4, 4])
    with pytest.raises(Broken, match="m3 leads term 6 with a log up to 1; 2 was committed before"):
        leads(invariants, 3, 6, [4])


def test_a_leader_does_not_have_another_entry_in_its_place(invariants: Invariants) -> None:
    leads(invariants, 1, 4, [])
    commit(invariants, 4, 4)
    with pytest.raises(Broken, match="m3 leads term 6; its entry 2 is of term 3, committed was one of 4"):
        leads(invariants, 3, 6, [4, 3])


def test_a_leader_that_learns_late_of_its_election_need_not_have_what_a_newer_one_committed_of_old_terms(invariants: Invariants) -> None:
    """Entry 2 of term 4 was on a minority when term 5 was voted for; the leader of term 6 had it, and committed it with its own."""
    leads(invariants, 1, 4, [])
    commit(invariants, 4)
    leads(invariants, 2, 6, [4, 4])
    commit(invariants, 4, 6)
    leads(invariants, 3, 5, [4])
    with pytest.raises(Broken, match="m4 leads term 7 with a log up to 2; 3 was committed before"):
        leads(invariants, 4, 7, [4, 4])


def test_nobody_leads_a_term_that_another_leads(invariants: Invariants) -> None:
    leads(invariants, 1, 4, [])
    with pytest.raises(Broken, match="members 1 and 2 both lead term 4"):
        leads(invariants, 2, 4, [])
