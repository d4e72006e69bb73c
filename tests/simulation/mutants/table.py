"""The table of planted bugs in docs/testing.md, written by `make mutants` from what is remembered, so that it never tells another story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.simulation.mutants.hunt import Remembered
from tests.simulation.mutants.mutant import REPOSITORY, Mutant

PAGE = REPOSITORY / "docs" / "testing.md"
BEGIN, END = "<!-- planted bugs: begin -->\n", "<!-- planted bugs: end -->\n"


def table(mutants: Sequence[Mutant], found: Mapping[str, Remembered]) -> str:
    """Every mutant, a line each, found or not; the figures are those of the hunt that found it."""
    lines = [f"{sum(mutant.name in found for mutant in mutants)} of {len(mutants)} are found:", ""]
    lines += ["| mutant | world | property | seeds | s |", "|---|---|---|---|---|"]
    for mutant in mutants:
        one = found.get(mutant.name)
        if one is None:
            lines.append(f"| `{mutant.name}` | {mutant.world} | survives | | |")
        else:
            lines.append(f"| `{mutant.name}` | {one.world} | {one.property} | {one.seeds} | {one.seconds:.1f} |")
    return "\n".join(lines) + "\n"


def written(page: str, content: str) -> str:
    """`page` with `content` between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"{PAGE.name} lacks the marks {BEGIN.strip()} and {END.strip()}"
    return before + begin + content + end + after


def write(mutants: Sequence[Mutant], found: Mapping[str, Remembered]) -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), table(mutants, found)), encoding="utf-8")
