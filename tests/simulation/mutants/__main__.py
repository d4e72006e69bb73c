"""`make mutants`: which planted bugs the simulator finds, and in how many seeds. Status 1: too few, or a survivor without a reason."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import msgspec

from tests.simulation.mutants import table
from tests.simulation.mutants.hunt import Hunted, Remembered, hunt, load_found, make_base, run_seeds, save_found
from tests.simulation.mutants.mutant import Malformed, Mutant, all_mutants
from tests.simulation.mutants.report import line, make_report, text
from tests.simulation.mutants.worlds import WORLDS

MEMORY_FILES = Path("/dev/shm")


def main(arguments: list[str] | None = None) -> int:
    given = _arguments(arguments)
    try:
        mutants = _chosen(given.names)
    except Malformed as error:
        sys.stderr.write(f"{error}\n")
        return 2
    remembered = {} if given.anew or given.world else load_found()
    if given.world:
        mutants = [msgspec.structs.replace(mutant, world=given.world) for mutant in mutants]
    with tempfile.TemporaryDirectory(prefix="quorate-mutants-", dir=MEMORY_FILES if MEMORY_FILES.is_dir() else None) as place:
        base = make_base(Path(place) / "base")
        try:
            hunted = []
            for one in _hunt_all(mutants, base, remembered, given):
                hunted.append(one)
                if given.output == "text":
                    _say(line(one))
        except (Malformed, RuntimeError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
        control = [] if given.no_control else _control(base, hunted)
    if not control and not given.world:
        _remember(hunted)
    report = make_report(hunted, control)
    _say(text(report) if given.output == "text" else msgspec.json.encode(report).decode())
    return 0 if report.ok else 1


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description="Planted bugs, and which the simulator finds.")
    parser.add_argument("names", nargs="*", metavar="MUTANT", help="only these; default all")
    parser.add_argument("--seeds", type=int, default=100, help="new seeds for each mutant at most (default 100)")
    parser.add_argument("--minutes", type=float, default=5.0, help="for each mutant at most, on the wall clock (default 5)")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time (default 1)")
    parser.add_argument("--anew", action="store_true", help="forget the seeds that found them before: how many would it take today?")
    parser.add_argument("--world", choices=WORLDS, metavar="WORLD", help="look in this one instead, such as `drawn`; nothing is remembered")
    parser.add_argument("--no-control", action="store_true", help="do not run the same seeds over the source without a mutant")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    given = parser.parse_args(arguments)
    for name, low in (("seeds", 1), ("jobs", 1), ("minutes", 0.01)):
        if getattr(given, name) < low:
            parser.error(f"--{name} is {getattr(given, name)}: give at least {low}")
    return given


def _chosen(names: list[str]) -> list[Mutant]:
    mutants = all_mutants()
    unknown = sorted(set(names) - {mutant.name for mutant in mutants})
    if unknown:
        raise Malformed(f"no such mutant: {', '.join(unknown)}; they are the names of the files in tests/simulation/mutants/patches")
    return [mutant for mutant in mutants if not names or mutant.name in names]


def _hunt_all(mutants: list[Mutant], base: Path, remembered: dict[str, Remembered], given: argparse.Namespace) -> Iterator[Hunted]:
    one = partial(_hunt_one, base=base, remembered=remembered, given=given)
    with ThreadPoolExecutor(given.jobs) as pool:
        yield from pool.map(one, mutants)


def _hunt_one(mutant: Mutant, base: Path, remembered: dict[str, Remembered], given: argparse.Namespace) -> Hunted:
    return hunt(mutant, base, remembered.get(mutant.name), given.seeds, given.minutes * 60)


def _control(base: Path, hunted: list[Hunted]) -> list[str]:
    """The very seeds that were broken, over the source as it is."""
    broken = []
    for world, seed in sorted({(one.world, one.seed) for one in hunted if one.found}):
        for seen in run_seeds(base, world, [seed], seconds_max=600):
            if seen.broken:
                broken.append(f"seed {seed} of {world} breaks {seen.broken}: {seen.evidence.splitlines()[0]}")
    return broken


def _remember(hunted: list[Hunted]) -> None:
    found = load_found()
    for one in hunted:
        if one.found and not one.remembered:
            found[one.name] = Remembered(one.seed, one.world, one.property, one.seconds, one.seeds)
    save_found(found)
    table.write(all_mutants(), found)


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
