"""Draws a schedule of faults from a seed, and carries it out: the same seed and options give the same schedule.

How long a fault takes to be over (a member must have caught up) is not known when the schedule is drawn, so the schedule's times are
the earliest: what would take more members away than the cluster survives waits its turn, and is left out when it waits too long.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.cluster.campaign.faults import Fault, Parameters, Skipped, Stroke, Takes
from tests.cluster.campaign.site import CampaignMember, Site

GAP_S = (0.1, 2.0)
"""Between the beginnings of two faults, as scheduled."""
RECOVERY_S = 2.5
"""What the schedule allows for a member's way back."""
CROWDED_REST = 0.6
"""While members are away only faults that take none are left to draw: without this rest they would be most of all."""
TURN_TIMEOUT_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True)
class Planned:
    """`aim` leader: the leader of that moment among the victims, when it is free. `rank` (0 to 1) chooses among all that are free."""

    number: int
    at_s: float
    fault: str
    seconds: float
    aim: str
    rank: float
    parameters: Parameters


@dataclass
class Action:
    """What became of a planned fault. Times are seconds since the campaign's beginning; None: it did not come to that."""

    planned: Planned
    victims: list[str] = field(default_factory=list)
    began_s: float | None = None
    ended_s: float | None = None
    outcome: str = "under way"
    """done | skipped | failed"""
    reason: str = ""
    notes: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        return asdict(self)


def survivable(count: int) -> int:
    """How many of `count` voters may be missing."""
    return (count - 1) // 2


def taken(fault: Fault, count: int) -> int:
    return {Takes.NONE: 0, Takes.ONE: 1, Takes.MINORITY: survivable(count), Takes.ALL: count}[fault.takes]


def draw(seed: int, length_s: float, faults: Sequence[Fault], count: int) -> list[Planned]:
    """A schedule for `count` members over `length_s` seconds: pure, and in order of time."""
    assert faults, "no fault to draw from: --faults and this machine's abilities left none"
    generator = random.Random(f"campaign/{seed}")
    plan: list[Planned] = []
    busy: list[tuple[float, Fault]] = []
    now_s = 1.0
    while now_s < length_s:
        busy = [(until_s, fault) for until_s, fault in busy if until_s > now_s]
        room = survivable(count) - sum(taken(fault, count) for _, fault in busy)
        fits = [fault for fault in faults if (not busy if fault.alone else taken(fault, count) <= room)]
        fits = [fault for fault in fits if all(fault.name != other.name for _, other in busy)]
        crowded = room <= 0 and generator.random() < CROWDED_REST
        if fits and not crowded and not any(fault.alone for _, fault in busy):
            fault = generator.choices(fits, [each.weight for each in fits])[0]
            seconds = generator.uniform(*fault.seconds)
            parameters = {name: generator.uniform(*bounds) for name, bounds in sorted(fault.parameters.items())}
            aim = "leader" if generator.random() < 0.5 else "any"
            plan.append(Planned(len(plan) + 1, round(now_s, 3), fault.name, seconds, aim, generator.random(), parameters))
            busy.append((now_s + seconds + RECOVERY_S, fault))
        now_s += generator.uniform(*GAP_S)
    return plan


class Nemesis:
    """Carries a schedule out on a site. `failures` is what did not come back; after the first of them nothing new begins."""

    def __init__(
        self, site: Site, plan: Sequence[Planned], faults: Sequence[Fault], say: Callable[[str], None], begun_s: float | None = None
    ) -> None:
        self._site = site
        self._plan = plan
        self._faults = {fault.name: fault for fault in faults}
        self._say = say
        self._begun_s = time.monotonic() if begun_s is None else begun_s
        self._held: dict[str, tuple[Fault, list[CampaignMember]]] = {}
        self.actions: list[Action] = []
        self.failures: list[str] = []

    def now_s(self) -> float:
        return time.monotonic() - self._begun_s

    async def run(self, until_s: float) -> None:
        """Until the schedule or the time (seconds since the beginning) is over, and every fault has ended."""
        strokes: set[asyncio.Task[None]] = set()
        for planned in self._plan:
            wait_s = min(planned.at_s, until_s) - self.now_s()
            await asyncio.sleep(max(0.0, wait_s))
            if self.now_s() >= until_s or self.failures:
                break
            action = Action(planned)
            self.actions.append(action)
            stroke = await self._turn(planned, action)
            if stroke is not None:
                task = asyncio.create_task(self._carry_out(self._faults[planned.fault], stroke, action))
                strokes.add(task)
                task.add_done_callback(strokes.discard)
        await asyncio.gather(*strokes)

    async def _turn(self, planned: Planned, action: Action) -> Stroke | None:
        """Wait until the cluster can bear this fault, then hold its victims."""
        fault = self._faults[planned.fault]
        deadline_s = self.now_s() + TURN_TIMEOUT_S
        while not self._bearable(fault):
            if self.failures:
                action.outcome, action.reason = "skipped", "a fault before it did not end"
                return None
            if self.now_s() > deadline_s:
                action.outcome, action.reason = "skipped", "other faults held as many members as the cluster can miss"
                return None
            await asyncio.sleep(POLL_S)
        name = f"{planned.number}-{fault.name}"
        victims = await self._choose(fault, planned)
        self._held[name] = (fault, victims)
        if fault.takes is not Takes.NONE or fault.aimed:
            action.victims = [victim.name for victim in victims]
        return Stroke(self._site, name, victims, planned.parameters, notes=action.notes)

    def _bearable(self, fault: Fault) -> bool:
        held = [other for other, _ in self._held.values()]
        if any(other.alone or other.name == fault.name for other in held) or (fault.alone and held):
            return False
        missing = sum(taken(other, self._site.count) for other in held)
        return fault.alone or missing + taken(fault, self._site.count) <= survivable(self._site.count)

    async def _choose(self, fault: Fault, planned: Planned) -> list[CampaignMember]:
        """The members it takes away; of a fault that takes none, one to name in a call."""
        held = {victim.name for other, victims in self._held.values() if other.takes is not Takes.NONE for victim in victims}
        free = [member for member in self._site.everyone[: self._site.count] if member.name not in held]
        if fault.takes is Takes.ALL:
            return free
        count = max(1, taken(fault, self._site.count))
        first = int(planned.rank * len(free))
        chosen = (free[first:] + free[:first])[:count]
        if planned.aim == "leader":
            roles = await self._site.roles()
            leaders = [member for member in free if roles.get(member.name, {}).get("role") == "leader"]
            chosen = ([*leaders[:1]] + [member for member in chosen if member not in leaders[:1]])[:count]
        return chosen

    async def _carry_out(self, fault: Fault, stroke: Stroke, action: Action) -> None:
        action.began_s = self.now_s()
        try:
            await fault.begin(stroke)
            await asyncio.sleep(action.planned.seconds)
            await fault.end(stroke)
            action.outcome = "done"
        except Skipped as skipped:
            action.outcome, action.reason = "skipped", str(skipped)
        except Exception as error:
            action.outcome, action.reason = "failed", f"{type(error).__name__}: {error}"
            self.failures.append(f"{stroke.name} on {', '.join(action.victims)}: {action.reason}")
        finally:
            action.ended_s = self.now_s()
            if action.outcome != "failed":
                del self._held[stroke.name]  # else what it took away is still away
        took_s = action.ended_s - action.began_s
        self._say(f"{action.outcome:8}{stroke.name} [{', '.join(action.victims)}] {took_s:.1f} s {action.reason[:100]}")
