"""Asks every member now and then what it is, for the timeline; what the driver did to its process is known exactly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.cluster.campaign.site import CampaignMember, Site
from tests.cluster.campaign.timeline import Stretch

INTERVAL_S = 0.4
ANSWER_TIMEOUT_S = 0.8
SILENT = "silent"
SILENT_AFTER = 2
"""Samples without an answer before a running member is drawn as silent."""


@dataclass
class Sampler:
    """`samples`: (seconds, member, role). A role of a running member that did not answer is "silent"."""

    site: Site
    begun_s: float
    end_s: float = 0.0
    samples: list[tuple[float, str, str]] = field(default_factory=list)

    async def run(self) -> None:
        """Each member is asked by itself: one that is paused, or whose cable is out, must not make the others look silent."""
        await asyncio.gather(*(self._follow(member) for member in self.site.everyone))

    async def _follow(self, member: CampaignMember) -> None:
        loop = asyncio.get_running_loop()
        while True:
            at_s = loop.time() - self.begun_s
            if member.running:
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT_S):
                        role = await self.site.role_of(member)
                except TimeoutError:
                    role = SILENT
                self.samples.append((at_s, member.name, role or SILENT))
            await asyncio.sleep(INTERVAL_S)

    def stretches(self) -> list[Stretch]:
        """Every member's life in stretches of one state; those that were never started are left out."""
        found: list[Stretch] = []
        for member in self.site.everyone:
            marks = [(max(0.0, life.at_s - self.begun_s), life.state) for life in member.lives]
            for number, (begin_s, state) in enumerate(marks):
                end_s = marks[number + 1][0] if number + 1 < len(marks) else self.end_s
                if state == "up":
                    found += self._roles(member.name, begin_s, end_s)
                else:
                    found.append(Stretch(member.name, state, begin_s, end_s))
        return [stretch for stretch in found if stretch.end_s > stretch.begin_s]

    def _roles(self, name: str, begin_s: float, end_s: float) -> list[Stretch]:
        found: list[Stretch] = []
        state, since_s, unanswered = SILENT, begin_s, 0
        for at_s, member, role in self.samples:
            if member != name or not begin_s <= at_s < end_s:
                continue
            unanswered = unanswered + 1 if role == SILENT else 0
            if role != state and not 0 < unanswered < SILENT_AFTER:
                found.append(Stretch(name, state, since_s, at_s))
                state, since_s = role, at_s
        found.append(Stretch(name, state, since_s, end_s))
        return found
