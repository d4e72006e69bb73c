"""Build a transaction that reads like one, then `commit` it.

result = await (
    cluster.txn()
    .when(Key("stock").value == "1", Key("owner").missing)
    .then(put("owner", "me"), put("stock", "0"))
    .otherwise(get("owner"))
    .commit()
)
if result.succeeded: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from quorate.wire.commands import Compare, Operation, Txn
from quorate.wire.results import TxnResult

T = TypeVar("T")
Commit = Callable[[Txn], Awaitable[TxnResult]]


class Transaction:
    """Conditions and two lists of operations; each call adds, nothing is sent before `commit`."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._compare: list[Compare] = []
        self._success: list[Operation] = []
        self._failure: list[Operation] = []

    def when(self, *compare: Compare) -> Transaction:
        """All of these must hold. Without any the transaction always succeeds."""
        self._compare += _all(Compare, compare, "when", "Key(...).version == 0")
        return self

    def then(self, *operations: Operation) -> Transaction:
        """What is done when all conditions hold."""
        self._success += _all(Operation, operations, "then", "put(...), delete(...), get(...) or txn(...)")
        return self

    def otherwise(self, *operations: Operation) -> Transaction:
        """What is done when one does not."""
        self._failure += _all(Operation, operations, "otherwise", "put(...), delete(...), get(...) or txn(...)")
        return self

    def build(self) -> Txn:
        return Txn(tuple(self._compare), tuple(self._success), tuple(self._failure))

    async def commit(self) -> TxnResult:
        """Run it atomically. May be called again: that is another transaction. Raises what `Cluster.put` raises."""
        return await self._commit(self.build())


def _all(kind: type[T], given: tuple[T, ...], where: str, example: str) -> tuple[T, ...]:
    for each in given:
        if not isinstance(each, kind):
            raise TypeError(f"{where}: {type(each).__name__} given; must be like {example}")
    return given
