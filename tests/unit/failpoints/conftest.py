from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NoReturn

import pytest

from quorate_node.failpoints import Failpoints, Panic, use


class Recorded:
    """Effects that only say what they were asked to do."""

    def __init__(self) -> None:
        self.done: list[tuple[str, object]] = []

    def sleep(self, seconds: float) -> None:
        self.done.append(("sleep", seconds))

    async def sleep_awaited(self, seconds: float) -> None:
        self.done.append(("sleep awaited", seconds))

    def panic(self, name: str, status: int) -> NoReturn:
        self.done.append(("panic", status))
        raise Panic(name)

    def show(self, text: str) -> None:
        self.done.append(("show", text))


@pytest.fixture
def effects() -> Recorded:
    return Recorded()


@pytest.fixture
def failpoints(effects: Recorded) -> Iterator[Failpoints]:
    """In use for the whole process while the test runs."""
    made = Failpoints(effects, Random(1))
    previous = use(made)
    yield made
    use(previous)
    made.close()
