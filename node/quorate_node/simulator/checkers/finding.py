"""What a checker may say: held, violated (with the records that show it), or undecided."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Violated(AssertionError):
    """The history breaks the property; the text names the records that contradict each other, for a person to read."""


class Undecided(Exception):
    """The checker could neither find an explanation nor rule one out within its bound; the text says which bound."""


class Verdict(StrEnum):
    OK = "ok"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


class Finding(msgspec.Struct, frozen=True):
    """One property of one history."""

    property: str
    """A name of `verdict.PROPERTIES`."""
    verdict: Verdict
    judged: int
    """How many observations the verdict rests on; 0: the history held nothing to judge, and the verdict says nothing."""
    counterexample: str = ""
    """Empty when it held."""
