"""Members' records: true ones are right, and found guilty however they are damaged."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from quorate.wire.results import PutResult
from quorate_node.simulator.checkers.verdict import PROPERTIES, judge
from quorate_node.simulator.history import Applied, History, Led, Promised, Stored
from tests.unit.simulator.checkers.members import Members

SEEDS = range(40)
MEMBERS = list(PROPERTIES)[list(PROPERTIES).index("election-safety") :]
replace = msgspec.structs.replace


def digest_of_one_member(generator: random.Random, history: History) -> History:
    often = Counter(each.index for each in history.applied)
    one: Applied = generator.choice([each for each in history.applied if often[each.index] > 1])
    return replace(history, applied=[replace(each, digest=b"other") if each is one else each for each in history.applied])


def applied_twice(generator: random.Random, history: History) -> History:
    one: Applied = generator.choice([each for each in history.applied if each.index > history.applied[0].index])
    return replace(history, applied=[*history.applied, one, replace(one, index=one.index - 1)])


def entry_of_one_log(generator: random.Random, history: History) -> History:
    often = Counter((each.index, each.term) for each in history.stored if each.leaf)
    one: Stored = generator.choice([each for each in history.stored if each.leaf and often[each.index, each.term] > 1])
    return replace(history, stored=[replace(each, leaf=b"other") if each is one else each for each in history.stored])


def entry_overwritten(generator: random.Random, history: History) -> History:
    """A member's log takes another entry at an index that it had applied."""
    applied: Applied = generator.choice([each for each in history.applied if each.index > 1])
    member_id = next(each.member_id for each in reversed(history.stored) if each.member == applied.member)
    later = Stored(history.applied[-1].at_ns + 1, applied.member, member_id, applied.index, 10**6, b"other")
    return replace(history, stored=[*history.stored, later])


def second_leader(generator: random.Random, history: History) -> History:
    led: Led = generator.choice(history.led)
    return replace(history, led=[*history.led, replace(led, member="other", member_id=led.member_id + 1)])


def second_vote(generator: random.Random, history: History) -> History:
    one: Promised = generator.choice([each for each in history.promised if each.vote])
    at = history.promised.index(one)
    return replace(history, promised=[*history.promised[: at + 1], replace(one, vote=one.vote + 1), *history.promised[at + 1 :]])


def term_that_falls(generator: random.Random, history: History) -> History:
    one: Promised = generator.choice(history.promised)
    at = history.promised.index(one)
    return replace(history, promised=[*history.promised[: at + 1], replace(one, term=one.term - 1, vote=0), *history.promised[at + 1 :]])


def leader_with_an_empty_log(generator: random.Random, history: History) -> History:
    """It leads a new term, and begins its log where entries were committed."""
    highest = history.committed[-1]
    at_ns, term = max(history.stored[-1].at_ns, highest.at_ns) + 10, history.led[-1].term + 1_000
    index = generator.randrange(1, highest.index + 1)
    usurper = Led(at_ns, "usurper", 1, term)
    return replace(history, led=[*history.led, usurper], stored=[*history.stored, Stored(at_ns + 1, "usurper", 1, index, term, b"new")])


def acknowledged_and_not_committed(generator: random.Random, history: History) -> History:
    acknowledged = {each.revision for each in history.operations if isinstance(each.result, PutResult)}

    def made(entry: object) -> set[int]:
        return {getattr(result, "revision", 0) for result in getattr(entry, "results", ())}

    one = generator.choice([entry for entry in history.committed if made(entry) & acknowledged and len(entry.results) == 1])
    return replace(history, committed=[replace(each, results=()) if each is one else each for each in history.committed])


KINDS: tuple[Callable[[random.Random, History], History], ...] = (
    digest_of_one_member, applied_twice, entry_of_one_log, entry_overwritten, second_leader, second_vote, term_that_falls,
    leader_with_an_empty_log, acknowledged_and_not_committed,
)  # fmt: skip


def test_what_is_true_is_not_accused() -> None:
    judged: Counter[str] = Counter()
    for seed in SEEDS:
        report = judge(Members(random.Random(seed)).play(), MEMBERS)
        assert report.ok, f"seed {seed}:\n{report.render()}"
        judged.update({name: report.judged(name) for name in MEMBERS})
    assert [name for name in MEMBERS if judged[name] < 2 * len(SEEDS)] == [], judged


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_damage_is_found(kind: Callable[[random.Random, History], History]) -> None:
    for seed in SEEDS:
        true = Members(random.Random(seed)).play()
        if true.committed and len(true.applied) > 4:
            assert judge(kind(random.Random(seed), true), MEMBERS).violated, f"seed {seed}"
