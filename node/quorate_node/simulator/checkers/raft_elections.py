"""Raft's promises about terms and votes (Ongaro and Ousterhout 2014, figure 3 and section 5)."""

from __future__ import annotations

from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.history import Led, Promised


def election_safety(evidence: Evidence) -> int:
    """At most one member leads a term (figure 3)."""
    leaders: dict[int, Led] = {}
    for led in evidence.history.led:
        first = leaders.setdefault(led.term, led)
        if (first.member, first.member_id) != (led.member, led.member_id):
            raise Violated(wording.lines(f"term {led.term} has two leaders:", _led_text(first), _led_text(led)))
    return len(evidence.history.led)


def _led_text(led: Led) -> str:
    return f"{led.member} (id {led.member_id}) at {wording.seconds(led.at_ns)}"


def one_vote_a_term(evidence: Evidence) -> int:
    """A member gives one vote a term at most, however often it crashes (section 5.2: the vote is durable before it is sent)."""
    votes: dict[tuple[str, int, int], Promised] = {}
    judged = 0
    for promised in evidence.history.promised:
        if not promised.vote:
            continue
        judged += 1
        first = votes.setdefault((promised.member, promised.member_id, promised.term), promised)
        if first.vote != promised.vote:
            raise Violated(wording.lines("two votes in one term:", _promised_text(first), _promised_text(promised)))
    return judged


def terms_never_fall(evidence: Evidence) -> int:
    """A member's durable term never decreases, and a vote that it has given is not forgotten within its term (section 5.1)."""
    newest: dict[tuple[str, int], Promised] = {}
    for promised in evidence.history.promised:
        member = promised.member, promised.member_id
        before = newest.get(member, promised)
        if promised.term < before.term:
            raise Violated(wording.lines("a term went back:", _promised_text(before), _promised_text(promised)))
        if promised.term == before.term and before.vote and not promised.vote:
            raise Violated(wording.lines("a vote was forgotten within its term:", _promised_text(before), _promised_text(promised)))
        newest[member] = promised
    return len(evidence.history.promised)


def _promised_text(promised: Promised) -> str:
    vote = f"vote for {promised.vote}" if promised.vote else "no vote"
    return f"{promised.member} (id {promised.member_id}) at {wording.seconds(promised.at_ns)}: term {promised.term}, {vote}"
