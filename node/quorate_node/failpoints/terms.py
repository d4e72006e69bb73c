"""The language of actions, after gofail's and fail-rs': terms joined by `->`, of which the first that is due is carried out.

    term    [COUNT*][PERCENT%]ACTION[(ARGUMENT)]
    2*sleep(100)->panic         twice 100 ms late, then dead
    5*off->1*error(EIO)         the sixth time, once
    10%skip                     one in ten, by the registry's random generator
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from quorate_node.failpoints.errors import FailpointMisuse, check_error

COUNT_MAX = 1_000_000_000
SLEEP_MS_MAX = 3_600_000
TEXT_MAX = 4096
PANIC_STATUS = 86
"""Exit status of a process that a failpoint ended, unless the term names another: unlike any that the program uses."""

_TERM = re.compile(r"(?:(?P<count>\d+)\*)?(?:(?P<percent>\d+(?:\.\d+)?)%)?(?P<action>[a-z]+)(?:\((?P<argument>[^()]*)\))?")


class Action(Enum):
    OFF = "off"
    ERROR = "error"
    SLEEP = "sleep"
    PAUSE = "pause"
    PANIC = "panic"
    PRINT = "print"
    SKIP = "skip"


class Term(NamedTuple):
    """`times`: how often it is due, None: for ever. `percent`: of the times at which it would be due, None: always.
    `argument`: error name, text, or empty; `number`: milliseconds of a sleep, exit status of a panic."""

    action: Action
    times: int | None
    percent: float | None
    argument: str
    number: int


def parse_terms(text: str) -> tuple[Term, ...]:
    """Raises `FailpointMisuse`, naming the term and what would be right."""
    if len(text) > TEXT_MAX:
        raise FailpointMisuse(f"the action has {len(text)} characters; the limit is {TEXT_MAX}: use fewer terms")
    return tuple(_parse_term(part.strip()) for part in text.split("->"))


def parse_assignments(text: str) -> list[tuple[str, str]]:
    """`name=terms;name=terms` as pairs, unchecked but for their form. Raises `FailpointMisuse`."""
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, terms = part.partition("=")
        if not equals:
            raise FailpointMisuse(f"{part!r}: write NAME=ACTION, as in log.write.before_commit=sleep(100)")
        pairs.append((name.strip(), terms.strip()))
    return pairs


def _parse_term(text: str) -> Term:
    match = _TERM.fullmatch(text)
    if match is None:
        raise FailpointMisuse(f"{text!r} is no term: write [COUNT*][PERCENT%]ACTION[(ARGUMENT)], as in 2*sleep(100) or 10%error(EIO)")
    try:
        action = Action(match["action"])
    except ValueError:
        known = ", ".join(action.value for action in Action)
        raise FailpointMisuse(f"{text!r}: there is no action {match['action']!r}; use one of {known}") from None
    count = int(match["count"]) if match["count"] is not None else None
    if count is not None and not 1 <= count <= COUNT_MAX:
        raise FailpointMisuse(f"{text!r}: the count is {count}; it must be from 1 to {COUNT_MAX}")
    percent = float(match["percent"]) if match["percent"] is not None else None
    if percent is not None and not 0 < percent <= 100:
        raise FailpointMisuse(f"{text!r}: the percentage is {percent:g}; it must be above 0 and at most 100")
    argument = (match["argument"] or "").strip()
    return Term(action, count, percent, argument, _check_argument(action, argument, text))


def _check_argument(action: Action, argument: str, text: str) -> int:
    """The argument as a number where the action takes one, else 0."""
    match action:
        case Action.SLEEP:
            return _number(argument, text, "milliseconds", 0, SLEEP_MS_MAX)
        case Action.PANIC:
            return _number(argument, text, "exit status", 1, 255) if argument else PANIC_STATUS
        case Action.ERROR:
            check_error(argument)
        case Action.PRINT:
            pass
        case _ if argument:
            raise FailpointMisuse(f"{text!r}: {action.value} takes no argument")
    return 0


def _number(argument: str, text: str, what: str, low: int, high: int) -> int:
    if not argument.isdecimal() or not low <= int(argument) <= high:
        raise FailpointMisuse(f"{text!r}: the argument is {argument!r}; it must be the {what}, from {low} to {high}")
    return int(argument)
