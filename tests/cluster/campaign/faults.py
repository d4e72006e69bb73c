"""The table of faults: what each does, how often it is drawn, how long it lasts, and how many members it may take away.

A fault begins and ends. It ends only when what it took away is back and has caught up, so that the next one may take as much.
Who it hits is decided when it begins (`aim`), among the members that no other fault holds; the choice within is the schedule's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from tests.cluster.campaign.site import CampaignMember, Site

Parameters = dict[str, float]


class Takes(Enum):
    """How many members a fault takes away from the cluster while it lasts."""

    NONE = "none"
    ONE = "one"
    MINORITY = "minority"
    ALL = "all"
    """Power loss, and the like: nothing is served meanwhile, and nothing acknowledged may be lost."""


class Skipped(Exception):
    """The fault could not begin, for the reason given; nothing was changed."""


@dataclass
class Stroke:
    """A fault under way: whom it hits, and what it needs to know to end."""

    site: Site
    name: str
    """Unique in the run."""
    victims: list[CampaignMember]
    parameters: Parameters
    memory: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def victim(self) -> CampaignMember:
        return self.victims[0]

    @property
    def others(self) -> list[int]:
        """Numbers of all members but the victims."""
        hit = {victim.number for victim in self.victims}
        return [member.number for member in self.site.everyone if member.number not in hit]


Act = Callable[[Stroke], Awaitable[None]]


async def nothing(stroke: Stroke) -> None:
    """A fault that is over as soon as it has begun."""


@dataclass(frozen=True)
class Fault:
    """`seconds`: shortest and longest duration. `parameters`: ranges that the schedule draws from, by name."""

    name: str
    kind: str
    """What `--faults` selects: kill, pause, partition, network, disk, clock, membership, leadership, maintenance."""
    says: str
    weight: float
    takes: Takes
    seconds: tuple[float, float]
    begin: Act
    end: Act = nothing
    parameters: dict[str, tuple[float, float]] = field(default_factory=dict)
    needs: str = ""
    """A capability of `capabilities()`; a fault whose need is not met is left out, and the report says why."""
    alone: bool = False
    """Other faults wait until it is over."""
    aimed: bool = False
    """It names a member although it takes none away."""
