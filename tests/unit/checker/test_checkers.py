"""The checkers themselves: they pass what one copy of the data could have done, and fail each way of not being one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cluster.checker.history import NEVER_S, Kind, NotLinearizable, Operation, Outcome, Version
from tests.cluster.checker.revisions import check_revisions
from tests.cluster.checker.search import check_registers, linearizable


def write(value: str, begin: float, end: float, revision: int, key: str = "k") -> Operation:
    return Operation(0, Kind.WRITE, key, begin, end, Outcome.OK, value, mod_revision=revision, store_revision=revision)


def read(value: str | None, begin: float, end: float, revision: int, store: int | None = None, key: str = "k") -> Operation:
    store_revision = revision if store is None else store
    return Operation(1, Kind.READ, key, begin, end, Outcome.OK, value, mod_revision=revision, store_revision=store_revision)


def lost(value: str, begin: float, key: str = "k") -> Operation:
    return Operation(2, Kind.WRITE, key, begin, NEVER_S, Outcome.UNKNOWN, value)


def swap(expected: str | None, value: str, begin: float, end: float, revision: int, *, swapped: bool = True) -> Operation:
    return Operation(
        3, Kind.SWAP, "k", begin, end, Outcome.OK, value, expected, swapped, mod_revision=revision, store_revision=revision
    )


GOOD: dict[str, list[Operation]] = {
    "nothing": [],
    "one after the other": [write("a", 0, 1, 1), read("a", 2, 3, 1), write("b", 4, 5, 2), read("b", 6, 7, 2)],
    "a read during a write may see it or not": [write("a", 0, 10, 1), read(None, 1, 2, 0), read("a", 3, 4, 1)],
    "two writes at once, either order": [write("a", 0, 10, 2), write("b", 0, 10, 1), read("a", 11, 12, 2)],
    "a write of unknown outcome that took effect late": [lost("a", 0), write("b", 1, 2, 1), read("b", 3, 4, 1), read("a", 5, 6, 2)],
    "a write of unknown outcome that did not": [lost("a", 0), write("b", 1, 2, 1), read("b", 3, 4, 1)],
    "swaps in a chain": [write("a", 0, 1, 1), swap("a", "b", 2, 3, 2), swap("b", "c", 4, 5, 3), read("c", 6, 7, 3)],
}

BAD: dict[str, list[Operation]] = {
    "a stale read": [write("a", 0, 1, 1), write("b", 2, 3, 2), read("a", 4, 5, 1)],
    "a read of nothing after a write": [write("a", 0, 1, 1), read(None, 2, 3, 0)],
    "reads that go back": [write("a", 0, 1, 1), write("b", 2, 20, 2), read("b", 3, 4, 2), read("a", 5, 6, 1)],
    "a value before it was written": [write("a", 0, 1, 1), read("b", 2, 3, 2), write("b", 4, 5, 2)],
    "two swaps of the same value": [write("a", 0, 1, 1), swap("a", "b", 2, 3, 2), swap("a", "c", 4, 5, 3)],
    "a swap of what is not there": [write("a", 0, 1, 1), swap("x", "b", 2, 3, 2)],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_one_copy_could_have_done_passes_both(name: str) -> None:
    assert check_revisions(GOOD[name]) == sum(operation.outcome is Outcome.OK for operation in GOOD[name])
    check_registers(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_what_it_could_not_fails_both(name: str) -> None:
    with pytest.raises(NotLinearizable):
        check_revisions(BAD[name])
    with pytest.raises(NotLinearizable):
        check_registers(BAD[name])


def test_a_stale_read_of_another_key_is_seen_through_the_stores_revision() -> None:
    """Key by key all is well; the whole store went back."""
    history = [write("a", 0, 1, 1, "x"), write("b", 2, 3, 2, "y"), read("a", 4, 5, 1, store=1, key="x")]
    with pytest.raises(NotLinearizable, match="went back in time"):
        check_revisions(history)
    check_registers(history)


def test_a_wrong_revision_does_not_hide_a_stale_value_from_the_search() -> None:
    history = [write("a", 0, 1, 1), write("b", 2, 3, 2), read("a", 4, 5, 2)]
    with pytest.raises(NotLinearizable):
        check_registers(history)
    with pytest.raises(NotLinearizable, match="another value"):
        check_revisions(history)


class TestAgainstTheStoresOwnHistory:
    WRITES = (write("a", 0, 1, 1), write("b", 2, 3, 2))
    TOLD = (Version("k", 1, "a"), Version("k", 2, "b"))

    def test_it_agrees(self) -> None:
        assert check_revisions(self.WRITES, self.TOLD) == 2

    def test_a_refused_write_that_was_kept_out_and_an_unknown_one_that_got_in(self) -> None:
        refused = Operation(4, Kind.WRITE, "k", 5, 6, Outcome.FAILED, "r")
        check_revisions([*self.WRITES, refused, lost("u", 4)], [*self.TOLD, Version("k", 3, "u")])

    @pytest.mark.parametrize(
        ("extra", "told", "fault"),
        [
            ([], TOLD[:1], "was lost"),
            ([], (TOLD[0], Version("k", 2, "x")), "another value"),
            ([lost("u", 4)], (*TOLD, Version("k", 3, "u"), Version("k", 4, "u")), "applied twice"),
            ([], (*TOLD, Version("k", 3, "a")), "applied twice"),
            ([], (*TOLD, Version("k", 3, "z")), "nobody wrote this"),
            ([Operation(4, Kind.WRITE, "k", 5, 6, Outcome.FAILED, "r")], (*TOLD, Version("k", 3, "r")), "was refused took effect"),
        ],
    )
    def test_it_does_not(self, extra: list[Operation], told: tuple[Version, ...], fault: str) -> None:
        with pytest.raises(NotLinearizable, match=fault):
            check_revisions([*self.WRITES, *extra], told)

    def test_two_writes_of_one_revision(self) -> None:
        with pytest.raises(NotLinearizable, match="same revision"):
            check_revisions([write("a", 0, 1, 1), write("b", 2, 3, 1)])


def simulated(seed: int, operations: int = 60, clients: int = 5) -> list[Operation]:
    """A true history: each operation takes effect at one moment between its beginning and its end, on one copy of the data."""
    generator = random.Random(seed)
    free_s = [0.0] * clients
    planned = []
    for number in range(operations):
        client = generator.randrange(clients)
        begin = free_s[client] + generator.random()
        effect = begin + generator.random()
        end = effect + generator.random()
        free_s[client] = end + 0.001
        planned.append((effect, begin, end, client, number))
    store: dict[str, tuple[str, int]] = {}
    revision = 0
    history = []
    for _, begin, end, client, number in sorted(planned):
        key = generator.choice("xy")
        value, modified = store.get(key, (None, 0))
        kind = generator.choice((Kind.READ, Kind.READ, Kind.WRITE, Kind.SWAP))
        fresh = f"v{number}"
        if kind is Kind.READ:
            history.append(Operation(client, kind, key, begin, end, Outcome.OK, value, mod_revision=modified, store_revision=revision))
            continue
        expected = generator.choice((value, "other")) if kind is Kind.SWAP else None
        takes_effect = kind is Kind.WRITE or expected == value
        if takes_effect:
            revision += 1
            store[key] = (fresh, revision)
        unknown = generator.random() < 0.1
        seen = store.get(key, (None, 0))[1]
        history.append(
            Operation(
                client, kind, key, begin, NEVER_S if unknown else end, Outcome.UNKNOWN if unknown else Outcome.OK, fresh, expected,
                takes_effect and not unknown, mod_revision=0 if unknown else seen, store_revision=0 if unknown else revision,
            )
        )  # fmt: skip
    return history


@given(st.integers(0, 10**9))
def test_true_histories_pass_both(seed: int) -> None:
    history = simulated(seed)
    check_revisions(history)
    check_registers(history)


@given(st.integers(0, 10**9))
def test_a_read_that_is_moved_behind_a_later_write_is_found_by_both(seed: int) -> None:
    """Take a true history and let its last client read what was there before the last completed write of that key."""
    history = [replace(operation, key="x") for operation in simulated(seed) if operation.outcome is Outcome.OK and operation.key == "x"]
    changes = sorted((operation for operation in history if operation.writes), key=lambda operation: operation.mod_revision)
    if len(changes) < 2:
        return
    old, new = changes[-2], changes[-1]
    after = max(operation.completed_s for operation in history) + 1.0
    stale = read(old.value, after, after + 1.0, old.mod_revision, store=new.store_revision, key="x")
    with pytest.raises(NotLinearizable):
        check_revisions([*history, stale])
    if old.completed_s < new.invoked_s:  # else the two writes overlap, and without revisions the other order explains it all
        assert not linearizable([*history, stale])


def test_many_operations_are_judged_in_moments() -> None:
    history = []
    for number in range(1, 20_001):
        history.append(write(f"v{number}", number, number + 0.4, number, key=f"k{number % 7}"))
        history.append(read(f"v{number}", number + 0.5, number + 0.6, number, key=f"k{number % 7}"))
    assert check_revisions(history) == 40_000
