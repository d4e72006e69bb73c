"""What clients did and saw: one record an operation, with the times between which it took effect, if it did."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

NEVER_S = math.inf


class Kind(Enum):
    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    SWAP = "swap"
    """Write `value` if the key's value is `expected`; `swapped` says whether it was."""


class Outcome(Enum):
    OK = "ok"
    FAILED = "failed"
    """Refused: it must not have taken effect."""
    UNKNOWN = "unknown"
    """Timed out or cut off: it may have taken effect, once, at any time since, or still may."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Values are unique over all writes of a history, so that what is read names the write it came from. None: no such key.

    `mod_revision`: the revision that this write made, or of the value that was read (0: no key). `store_revision`: the whole store's when
    it was read or written. Times are monotonic seconds of one clock; `completed_s` is `NEVER_S` when the outcome is unknown.
    """

    client: int
    kind: Kind
    key: str
    invoked_s: float
    completed_s: float
    outcome: Outcome
    value: str | None = None
    expected: str | None = None
    swapped: bool = False
    mod_revision: int = 0
    store_revision: int = 0

    def __post_init__(self) -> None:
        assert self.invoked_s <= self.completed_s, f"completed before it was invoked: {self}"
        assert (self.outcome is Outcome.UNKNOWN) == (self.completed_s == NEVER_S), f"an open end is for unknown outcomes: {self}"

    @property
    def writes(self) -> bool:
        """True when it changed the key, as far as is known."""
        return self.kind in (Kind.WRITE, Kind.DELETE) or (self.kind is Kind.SWAP and self.swapped)


@dataclass(frozen=True, slots=True)
class Version:
    """One change of one key as the store itself tells it, from its history. `value` None: it was deleted."""

    key: str
    revision: int
    value: str | None


class NotLinearizable(AssertionError):
    """The history cannot have come from one copy of the data; the message names the operations that contradict each other."""


def save(operations: Iterable[Operation], path: Path) -> None:
    """A JSON object a line, for whoever looks into a failure."""
    with path.open("w", encoding="utf-8") as file:
        for operation in operations:
            fields = asdict(operation)
            fields["kind"], fields["outcome"] = operation.kind.value, operation.outcome.value
            fields["completed_s"] = None if operation.completed_s == NEVER_S else operation.completed_s
            file.write(json.dumps(fields) + "\n")
