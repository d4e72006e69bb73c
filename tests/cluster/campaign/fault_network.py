"""Faults of the network: who does not hear whom, who hears late, cables that are out. Clients have wires of their own, but for `unplug`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.cluster.campaign.fault_process import BACK_TIMEOUT_S
from tests.cluster.campaign.faults import Act, Fault, Stroke, Takes
from tests.cluster.campaign.impairment import Impairment
from tests.cluster.campaign.wires import Pair

CUT = Impairment(drop=True)
PairsOf = Callable[[Stroke], list[Pair]]


def both_ways(stroke: Stroke) -> list[Pair]:
    return stroke.site.pairs_between([victim.number for victim in stroke.victims], stroke.others)


def outgoing(stroke: Stroke) -> list[Pair]:
    """The victim hears all, and nobody hears it."""
    return [(stroke.victim.number, other) for other in stroke.others]


def incoming(stroke: Stroke) -> list[Pair]:
    return [(other, stroke.victim.number) for other in stroke.others]


def one_pair(stroke: Stroke) -> list[Pair]:
    """Two members that do not hear each other while both hear the rest: a bridge."""
    other = stroke.others[int(stroke.parameters["other"] * len(stroke.others))]
    return [(stroke.victim.number, other), (other, stroke.victim.number)]


def everywhere(stroke: Stroke) -> list[Pair]:
    numbers = [member.number for member in stroke.site.everyone]
    return [(one, other) for one in numbers for other in numbers if one != other]


def cut(pairs_of: PairsOf) -> Act:
    async def begin(stroke: Stroke) -> None:
        pairs = pairs_of(stroke)
        await stroke.site.wires.impair(stroke.name, dict.fromkeys(pairs, CUT))
        stroke.notes.append(" ".join(f"{one}-/->{other}" for one, other in pairs[:8]))

    return begin


def impair(pairs_of: PairsOf) -> Act:
    async def begin(stroke: Stroke) -> None:
        value = stroke.parameters.get
        impairment = Impairment(
            delay_ms=value("delay_ms", 0.0),
            jitter_ms=value("jitter_ms", 0.0),
            loss=value("loss", 0.0),
            duplicate=value("duplicate", 0.0),
            reorder=value("reorder", 0.0),
            rate_bytes_per_s=int(value("rate_bytes_per_s", 0)),
        )
        await stroke.site.wires.impair(stroke.name, dict.fromkeys(pairs_of(stroke), impairment))

    return begin


async def heal(stroke: Stroke) -> None:
    await stroke.site.wires.clear(stroke.name)
    for victim in stroke.victims:
        await stroke.site.caught_up(victim, BACK_TIMEOUT_S)


async def heal_links(stroke: Stroke) -> None:
    """Of a fault that took nobody away: nobody has to come back, and the one that was named may be another fault's."""
    await stroke.site.wires.clear(stroke.name)


async def unplug(stroke: Stroke) -> None:
    await asyncio.to_thread(stroke.site.namespaces.unplug, stroke.victim.number)


async def plug(stroke: Stroke) -> None:
    await asyncio.to_thread(stroke.site.namespaces.plug, stroke.victim.number)
    await stroke.site.caught_up(stroke.victim, BACK_TIMEOUT_S)


NETWORK_FAULTS = (
    Fault("isolate", "partition", "one member is cut off from all others, both ways", 4.0, Takes.ONE, (0.3, 6.0), cut(both_ways), heal),
    Fault("halves", "partition", "the members are cut in two groups, one with a majority", 2.0, Takes.MINORITY, (0.5, 6.0), cut(both_ways),
          heal),
    Fault("mute", "partition", "nobody hears one member, which hears all", 2.0, Takes.ONE, (0.5, 6.0), cut(outgoing), heal),
    Fault("deaf", "partition", "one member hears nobody, and all hear it", 2.0, Takes.ONE, (0.5, 6.0), cut(incoming), heal),
    Fault("bridge", "partition", "two members do not hear each other; both hear the rest", 2.0, Takes.ONE, (0.5, 6.0), cut(one_pair), heal,
          {"other": (0.0, 0.999)}),
    Fault("blackout", "partition", "no member hears any other", 0.5, Takes.ALL, (0.5, 3.0), cut(everywhere), heal, alone=True),
    Fault("unplug", "partition", "one member's cable is out, for clients too", 2.0, Takes.ONE, (0.3, 5.0), unplug, plug),
    Fault("slow-links", "network", "every packet between members is late", 2.0, Takes.NONE, (1.0, 6.0), impair(everywhere), heal_links,
          {"delay_ms": (1.0, 40.0), "jitter_ms": (0.0, 20.0)}),
    Fault("slow-member", "network", "packets to and from one member are very late", 1.5, Takes.ONE, (1.0, 6.0), impair(both_ways), heal,
          {"delay_ms": (50.0, 400.0), "jitter_ms": (0.0, 200.0)}),
    Fault("loss", "network", "packets between members are lost", 2.0, Takes.NONE, (1.0, 6.0), impair(everywhere), heal_links,
          {"loss": (0.005, 0.08)}),
    Fault("heavy-loss", "network", "one member loses many packets", 1.0, Takes.ONE, (1.0, 6.0), impair(both_ways), heal,
          {"loss": (0.2, 0.6)}),
    Fault("disorder", "network", "packets come twice and out of order", 1.5, Takes.NONE, (1.0, 6.0), impair(everywhere), heal_links,
          {"duplicate": (0.01, 0.2), "reorder": (0.01, 0.3), "delay_ms": (1.0, 10.0)}),
    Fault("narrow", "network", "one member's links carry little", 1.0, Takes.ONE, (1.0, 6.0), impair(both_ways), heal,
          {"rate_bytes_per_s": (20_000, 500_000)}),
)  # fmt: skip
