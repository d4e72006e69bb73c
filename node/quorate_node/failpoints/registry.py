"""Which failpoints are set to what, and how often each was reached."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from random import Random
from typing import NamedTuple

from quorate_node.failpoints.effects import Effects
from quorate_node.failpoints.errors import FailpointMisuse, make_error
from quorate_node.failpoints.gate import Gate
from quorate_node.failpoints.sites import SITES
from quorate_node.failpoints.terms import Action, Term, parse_assignments, parse_terms


class State(NamedTuple):
    """`terms`: as they were written; `hits`: how often the place was reached; `fired`: how often an action was due; `held`: how many
    wait at it."""

    terms: str
    hits: int
    fired: int
    held: int


class _Plan:
    """`left`: how often each term may still be due, -1: for ever."""

    def __init__(self, text: str, terms: tuple[Term, ...]) -> None:
        self.text = text
        self.terms = terms
        self.left = [-1 if term.times is None else term.times for term in terms]
        self.gate = Gate()


class Failpoints:
    """Safe to use from any thread. Repeatable when effects and random generator are: it draws one number for each `%` that is asked."""

    def __init__(self, effects: Effects, random: Random) -> None:
        self._effects = effects
        self._random = random
        self._lock = threading.Lock()
        self._plans: dict[str, _Plan] = {}
        self._fired: dict[str, int] = {}
        self.hits: dict[str, int] = {}
        """Name -> how often it was reached, whether set or not."""

    # --- setting -----------------------------------------------------------------------------------------------

    def configure(self, name: str, terms: str) -> None:
        """Set `name` anew; what was paused there goes on. Raises `FailpointMisuse`."""
        _check_name(name)
        parsed = parse_terms(terms)
        if not SITES[name].skip and any(term.action is Action.SKIP for term in parsed):
            raise FailpointMisuse(f"{name}={terms}: nothing can be skipped there; use error, sleep, pause, panic, print or off")
        with self._lock:
            previous = self._plans.pop(name, None)
            self._plans[name] = _Plan(terms, parsed)
        if previous is not None:
            previous.gate.open()

    def configure_all(self, assignments: str) -> None:
        """`name=terms;name=terms`. All or none. Raises `FailpointMisuse`."""
        pairs = parse_assignments(assignments)
        trial = Failpoints(self._effects, Random(0))
        for pass_over in (trial, self):
            for name, terms in pairs:
                pass_over.configure(name, terms)

    def remove(self, name: str) -> None:
        """Off, and let go what was paused there. Raises `FailpointMisuse`."""
        _check_name(name)
        with self._lock:
            plan = self._plans.pop(name, None)
        if plan is not None:
            plan.gate.open()

    def close(self) -> None:
        for name in list(self._plans):
            self.remove(name)

    def states(self) -> dict[str, State]:
        return {name: self.state(name) for name in SITES}

    def state(self, name: str) -> State:
        """Raises `FailpointMisuse` for a name that does not exist."""
        _check_name(name)
        with self._lock:
            plan = self._plans.get(name)
            held = plan.gate.held if plan is not None else 0
            return State(plan.text if plan is not None else "off", self.hits.get(name, 0), self._fired.get(name, 0), held)

    def fired(self) -> dict[str, int]:
        """Name -> how often an action was due there."""
        with self._lock:
            return dict(self._fired)

    # --- reaching ----------------------------------------------------------------------------------------------

    def hit(self, name: str) -> bool:
        """True: the place is to be skipped. Raises what an `error` term names."""
        if name not in self._plans:  # As almost always. One that is set this very moment is set a moment later.
            with self._lock:
                self.hits[name] = self.hits.get(name, 0) + 1
            return False
        due = self._due(name)
        if due is None:
            return False
        term, gate = due
        if term.action is Action.SLEEP:
            self._effects.sleep(term.number / 1000)
        elif term.action is Action.PAUSE:
            gate.wait()
        else:
            return self._act(name, term)
        return False

    async def hit_awaited(self, name: str) -> bool:
        """As `hit`, but the loop goes on meanwhile."""
        due = self._due(name)
        if due is None:
            return False
        term, gate = due
        if term.action is Action.SLEEP:
            await self._effects.sleep_awaited(term.number / 1000)
        elif term.action is Action.PAUSE:
            await gate.wait_awaited()
        else:
            return self._act(name, term)
        return False

    def _due(self, name: str) -> tuple[Term, Gate] | None:
        with self._lock:
            self.hits[name] = self.hits.get(name, 0) + 1
            plan = self._plans.get(name)
            if plan is None:
                return None
            for number, term in enumerate(plan.terms):
                if plan.left[number] == 0 or (term.percent is not None and self._random.random() * 100 >= term.percent):
                    continue
                plan.left[number] -= plan.left[number] > 0
                if term.action is Action.OFF:
                    break
                self._fired[name] = self._fired.get(name, 0) + 1
                return term, plan.gate
            return None

    def _act(self, name: str, term: Term) -> bool:
        if term.action is Action.ERROR:
            raise make_error(term.argument, name)
        if term.action is Action.PANIC:
            self._effects.panic(name, term.number)
        if term.action is Action.PRINT:
            self._effects.show(f"failpoint {name}: {term.argument or 'reached'}")
        return term.action is Action.SKIP


def _check_name(name: str) -> None:
    if name not in SITES:
        near = get_close_matches(name, SITES, 1)
        hint = f"did you mean {near[0]!r}?" if near else "quorate-node --list-failpoints names them all"
        raise FailpointMisuse(f"there is no failpoint {name!r}; {hint}")


_process: Failpoints | None = None
_here: ContextVar[Failpoints | None] = ContextVar("quorate_failpoints", default=None)


def use(failpoints: Failpoints | None) -> Failpoints | None:
    """Have the whole process report to `failpoints`; returns what it reported to before."""
    global _process
    previous, _process = _process, failpoints
    return previous


@contextmanager
def within(failpoints: Failpoints) -> Iterator[Failpoints]:
    """Have this context, and the tasks and callbacks that are begun in it, report to `failpoints`. Threads report to the process'."""
    token = _here.set(failpoints)
    try:
        yield failpoints
    finally:
        _here.reset(token)


def use_here(failpoints: Failpoints) -> None:
    """As `within`, and for good: run it in the context of a simulated member, whose tasks and callbacks all have copies of it."""
    _here.set(failpoints)


def reached(name: str) -> bool:
    """What a comment `# failpoint: NAME` becomes."""
    failpoints = _here.get() or _process
    return failpoints is not None and failpoints.hit(name)


async def reached_awaited(name: str) -> bool:
    """What a comment `# failpoint: NAME, awaited` becomes."""
    failpoints = _here.get() or _process
    return failpoints is not None and await failpoints.hit_awaited(name)
