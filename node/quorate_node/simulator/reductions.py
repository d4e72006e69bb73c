"""What is left out of a seed's run, piece by piece, and how that is said on a command line. All else stays as the seed has it."""

from __future__ import annotations

import msgspec


class Reductions(msgspec.Struct, frozen=True):
    """`None`: everything is left in. What is named stays; the rest is left out."""

    faults: tuple[str, ...] | None = None
    """`kill.3` is the third kill that the seed has; membership changes and transfers are among them."""
    clients: tuple[int, ...] | None = None
    watchers: tuple[int, ...] | None = None
    operations: tuple[str, ...] | None = None
    """`2.14` is what client 2 does as its fourteenth."""
    chaos_ms: int | None = None
    """Faults and clients end at this virtual time, and the quiet follows."""
    until_ms: int | None = None
    """The run ends at this virtual time, wherever it is."""

    def fault_happens(self, name: str, number: int) -> bool:
        return self.faults is None or f"{name}.{number}" in self.faults

    def operation_happens(self, client: int, step: int) -> bool:
        return self.operations is None or f"{client}.{step}" in self.operations

    def numbers(self, which: str, there: int) -> list[int]:
        """Of `there` clients or watchers, those that take part."""
        kept = self.clients if which == "clients" else self.watchers
        return [number for number in range(1, there + 1) if kept is None or number in kept]

    def arguments(self) -> list[str]:
        """For a command line; `read` understands them."""
        words = []
        for name, value in msgspec.structs.asdict(self).items():
            if isinstance(value, tuple):
                words += [f"--{name}", ",".join(map(str, value)) or "none"]
            elif value is not None:
                words += [f"--{name.replace('_', '-')}", str(value)]
        return words


def names(text: str) -> tuple[str, ...]:
    """`kill.3,clog.1`, or `none`. Raises `ValueError`."""
    given = () if text == "none" else tuple(text.split(","))
    for name in given:
        what, _, number = name.rpartition(".")
        if not what or not number.isdecimal() or int(number) < 1:
            raise ValueError(f"{name!r} is no name with a number from 1 on, such as kill.3")
    return given


def numbers(text: str) -> tuple[int, ...]:
    """`1,4`, or `none`. Raises `ValueError`."""
    given = () if text == "none" else tuple(text.split(","))
    for number in given:
        if not number.isdecimal() or int(number) < 1:
            raise ValueError(f"{number!r} is no number from 1 on")
    return tuple(map(int, given))
