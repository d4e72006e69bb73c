"""What a search says of one seed: shared by the process over the copy and the one that started it."""

from __future__ import annotations

import msgspec


class Seen(msgspec.Struct, frozen=True):
    seed: int
    broken: str
    """The property, empty when all hold."""
    evidence: str
    cpu_s: float
