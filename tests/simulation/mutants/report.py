"""What a hunt says: a table for people, and the verdict that the exit status is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from tests.simulation.mutants.hunt import Hunted
from tests.simulation.mutants.mutant import FOLDER

SURVIVORS = FOLDER / "survivors.md"
FOUND_SHARE_MIN = 0.95


class Report(msgspec.Struct, frozen=True):
    """One run over all mutants that were asked for."""

    hunted: tuple[Hunted, ...]
    control: tuple[str, ...]
    """Seeds that break the source without any mutant, in words: then no finding above means anything."""
    unexplained: tuple[str, ...]
    """Survivors without an entry in survivors.md."""

    @property
    def found(self) -> int:
        return sum(one.found for one in self.hunted)

    @property
    def ok(self) -> bool:
        return not self.control and not self.unexplained and self.found >= FOUND_SHARE_MIN * len(self.hunted)


def explained() -> frozenset[str]:
    """Mutants with a heading of their own in survivors.md."""
    return frozenset(re.findall(r"^## (\S+)$", SURVIVORS.read_text(encoding="utf-8"), re.MULTILINE))


def make_report(hunted: Sequence[Hunted], control: Sequence[str]) -> Report:
    known = explained()
    return Report(tuple(hunted), tuple(control), tuple(one.name for one in hunted if not one.found and one.name not in known))


def line(one: Hunted) -> str:
    if not one.found:
        return f"{one.name:36} SURVIVED {one.seeds} seeds, {one.seconds:.1f} s"
    how = "again" if one.remembered else f"after {one.seeds}"
    return f"{one.name:36} {one.property}: seed {one.seed} of {one.world}, {how}, {one.seconds:.1f} s"


def text(report: Report) -> str:
    """The rules of what survived, the control, and the sum."""
    lines = [f"SURVIVED {one.name}: {one.rule}" for one in report.hunted if not one.found]
    lines += [f"no reason in survivors.md: {name}" for name in report.unexplained]
    lines += [f"CONTROL without any mutant: {one}" for one in report.control]
    seeds, seconds = sum(one.seeds for one in report.hunted), sum(one.seconds for one in report.hunted)
    lines.append(f"found {report.found} of {len(report.hunted)} ({seeds} seeds, {seconds:.0f} s of processor time)")
    return "\n".join(lines)
