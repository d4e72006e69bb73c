"""What a client asks for next, drawn from its seed: puts, deletes, transactions and reads of every form that the API has."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from quorate.wire.commands import Compact, Compare, CompareResult, CompareTarget, DeleteRange, Put, Range, SortOrder, SortTarget, Txn
from quorate.wire.commands import Operation as Step
from quorate.wire.results import KeyValue
from quorate_node.simulator.options import Options

PAST_REVISIONS_MAX = 30
"""How far back reads and compactions look: about where the compactions of the others are."""
DEPTH_MAX = 2
STEPS_MAX = 3


def key_of(number: int) -> bytes:
    return b"k%03d" % number


class Requests:
    """Of one client: values are its own, so that a value names its write."""

    def __init__(self, client: int, random: Random, options: Options) -> None:
        self.revision = 0
        """The newest that the client was told of."""
        self._client = client
        self.random = random
        """Of the step under way."""
        self._keys = options.keys
        self._load = options.load
        self._written = 0
        self._seen: dict[bytes, tuple[bytes, int]] = {}
        """key -> value and mod revision as last read: what a transaction expects."""

    def value(self) -> bytes:
        self._written += 1
        return b"%d.%d" % (self._client, self._written)

    def key(self) -> bytes:
        return key_of(self.random.randrange(self._keys))

    def saw(self, request: Range, kvs: Iterable[KeyValue]) -> None:
        shown = {kv.key: (kv.value, kv.mod_revision) for kv in kvs}
        self._seen.update(shown)
        if not shown and not request.range_end:
            self._seen.pop(request.key, None)

    def compact(self) -> Compact:
        return Compact(self.random.randint(max(1, self.revision - PAST_REVISIONS_MAX), max(1, self.revision)))

    def put(self, lease: int = 0) -> Put:
        random = self.random
        previous = random.random() < 0.3
        form = random.random()
        if form < 0.05:
            return Put(self.key(), b"", lease, previous, ignore_value=True)
        return Put(self.key(), self.value(), lease, previous, ignore_lease=not lease and form < 0.1)

    def delete(self) -> DeleteRange:
        key, range_end = self._interval() if self.random.random() < self._load.several else (self.key(), b"")
        return DeleteRange(key, range_end, previous=self.random.random() < 0.5)

    def _interval(self) -> tuple[bytes, bytes]:
        low = self.random.randrange(self._keys)
        if self.random.random() < 0.3:
            return key_of(low), b"\x00"
        return key_of(low), key_of(self.random.randint(low + 1, self._keys))

    # -- reads ----------------------------------------------------------------------------------------------------------

    def read(self) -> Range:
        random = self.random
        revision = 0
        if self.revision and random.random() < self._load.past:
            revision = random.randint(max(1, self.revision - PAST_REVISIONS_MAX), self.revision)
        if random.random() >= self._load.several:
            return Range(self.key(), revision=revision)
        key, range_end = (b"k", b"l") if random.random() < 0.5 else self._interval()
        return Range(
            key,
            range_end,
            limit=random.choice((0, 0, 1, 2)),
            revision=revision,
            sort_order=random.choice((SortOrder.NONE, SortOrder.NONE, SortOrder.ASCEND, SortOrder.DESCEND)),
            sort_target=random.choice(tuple(SortTarget)) if random.random() < 0.3 else SortTarget.KEY,
            keys_only=random.random() < 0.1,
            count_only=random.random() < 0.1,
            min_mod_revision=self._bound(),
            max_create_revision=self._bound(),
        )

    def _bound(self) -> int:
        if self.random.random() < 0.9 or not self.revision:
            return 0
        return self.random.randint(1, self.revision)

    # -- transactions ---------------------------------------------------------------------------------------------------

    def txn(self) -> Txn:
        """No key is changed twice in one branch, which would be refused."""
        random = self.random
        compares = tuple(self._compare(self.key()) for _ in range(random.choice((0, 1, 1, 1, 2))))
        return Txn(compares, self._branch(self._shuffled(), 0, random.randint(1, STEPS_MAX)), self._branch(self._shuffled(), 0, 1))

    def _shuffled(self) -> list[bytes]:
        free = [key_of(number) for number in range(self._keys)]
        self.random.shuffle(free)
        return free

    def _branch(self, free: list[bytes], depth: int, count: int) -> tuple[Step, ...]:
        """`free`: keys that nothing in the transaction changes yet."""
        random = self.random
        steps: list[Step] = []
        for _ in range(count):
            choice = random.random()
            if depth < DEPTH_MAX and random.random() < self._load.nested:
                compares = (self._compare(self.key()),)
                steps.append(Step(txn=Txn(compares, self._branch(free, depth + 1, 2), self._branch(free, depth + 1, 1))))
            elif choice < 0.5 and free:
                steps.append(Step(put=Put(free.pop(), self.value(), previous=random.random() < 0.2)))
            elif choice < 0.65 and free:
                steps.append(Step(delete_range=self._delete_of(free, depth)))
            else:
                steps.append(Step(range=self.read()))
        return tuple(steps)

    def _delete_of(self, free: list[bytes], depth: int) -> DeleteRange:
        """A range only where nothing was changed before: then all of it is free."""
        if depth or len(free) < self._keys or self.random.random() >= self._load.several:
            return DeleteRange(free.pop(), previous=self.random.random() < 0.5)
        key, range_end = self._interval()
        free[:] = [each for each in free if each < key or (range_end != b"\x00" and each >= range_end)]
        return DeleteRange(key, range_end, previous=self.random.random() < 0.5)

    def _compare(self, key: bytes) -> Compare:
        """What the client believes, in half of the cases; else anything."""
        random = self.random
        value, revision = self._seen.get(key, (b"", 0))
        if random.random() < 0.5:
            if revision and random.random() < 0.5:
                return Compare(key, CompareResult.EQUAL, CompareTarget.VALUE, value=value)
            return Compare(key, CompareResult.EQUAL, CompareTarget.MODIFY, revision)
        range_end = b""
        if random.random() < self._load.several:
            key, range_end = self._interval()
        target = random.choice((CompareTarget.VERSION, CompareTarget.CREATE, CompareTarget.MODIFY, CompareTarget.LEASE))
        number = random.randint(0, 3) if target == CompareTarget.VERSION else random.choice((0, revision, self.revision))
        return Compare(key, random.choice(tuple(CompareResult)), target, number, range_end=range_end)
