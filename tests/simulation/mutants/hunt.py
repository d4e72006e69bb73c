"""Hunting one planted bug: a copy of the source, the patch, and seeds until one is broken; first the one that found it before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.simulation.mutants.mutant import FOLDER, REPOSITORY, Mutant, apply
from tests.simulation.mutants.search_line import Seen

FOUND = FOLDER / "found.json"
SOURCES = ("node", "client")
HANG_S = 900
"""One seed takes seconds. A mutant that makes one go on for ever is stopped, and was not found."""


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a mutant was found last."""

    seed: int
    world: str
    property: str
    seconds: float
    """Of processor time, all seeds before it included."""
    seeds: int
    """How many had to be run, from 0 on."""


class Hunted(msgspec.Struct, frozen=True):
    name: str
    rule: str
    found: bool
    world: str
    seed: int = -1
    property: str = ""
    evidence: str = ""
    seeds: int = 0
    """Run now; with a remembered seed, that one alone."""
    seconds: float = 0.0
    """Of processor time."""
    remembered: bool = False
    """By a seed that found it before."""


def load_found() -> dict[str, Remembered]:
    return msgspec.json.decode(FOUND.read_bytes(), type=dict[str, Remembered]) if FOUND.exists() else {}


def save_found(found: dict[str, Remembered]) -> None:
    FOUND.write_bytes(msgspec.json.format(msgspec.json.encode(dict(sorted(found.items()))), indent=2) + b"\n")


def make_base(root: Path) -> Path:
    """A copy of the source as it is, compiled once: each mutant's copy takes the compiled modules along."""
    for name in SOURCES:
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("*.egg-info"))
    subprocess.run([sys.executable, "-m", "compileall", "-q", *(str(root / name) for name in SOURCES)], env=_environment(), check=True)
    return root


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_seeds(root: Path, world: str, seeds: Sequence[int], seconds_max: float) -> list[Seen]:
    """In a process of its own over the copy in `root`: until one seed is broken; after `seconds_max` no other is begun.

    Raises `RuntimeError` when the process fails: a mutant that cannot even be imported proves nothing.
    """
    path = os.pathsep.join(str(root / name) for name in SOURCES)
    command = [sys.executable, "-m", "tests.simulation.mutants.search", str(root), world, str(seconds_max), *map(str, seeds)]
    environment = _environment() | {"PYTHONPATH": path, "QUORATE_FAILPOINTS": ""}
    try:
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=seconds_max + HANG_S)
    except subprocess.TimeoutExpired as late:
        return _lines((late.stdout or b"").decode())
    if done.returncode != 0:
        raise RuntimeError(f"the search over {root} ended with status {done.returncode}: {done.stderr.strip()[-2_000:]}")
    return _lines(done.stdout)


def _lines(text: str) -> list[Seen]:
    """Whole lines alone: a process that was stopped may have been writing one."""
    return [msgspec.json.decode(line, type=Seen) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def hunt(mutant: Mutant, base: Path, remembered: Remembered | None, seeds_max: int, seconds_max: float) -> Hunted:
    """Raises `Malformed` for a patch that does not apply, `RuntimeError` for one that does not run."""
    until_s = time.monotonic() + seconds_max
    with tempfile.TemporaryDirectory(prefix=f"mutant-{mutant.name}-", dir=base.parent) as place:
        root = Path(place) / "source"
        shutil.copytree(base, root)
        apply(mutant, root)
        if remembered is not None:
            seen = run_seeds(root, remembered.world, [remembered.seed], seconds_max)
            if seen and seen[-1].broken:
                return _hunted(mutant, remembered.world, seen, remembered=True)
        left_s = until_s - time.monotonic()
        seen = run_seeds(root, mutant.world, range(seeds_max), left_s) if left_s > 0 else []
        return _hunted(mutant, mutant.world, seen, remembered=False)


def _hunted(mutant: Mutant, world: str, seen: list[Seen], *, remembered: bool) -> Hunted:
    last = seen[-1] if seen and seen[-1].broken else None
    return Hunted(
        name=mutant.name,
        rule=mutant.rule,
        found=last is not None,
        world=world,
        seed=last.seed if last is not None else -1,
        property=last.broken if last is not None else "",
        evidence=last.evidence if last is not None else "",
        seeds=len(seen),
        seconds=round(sum(one.cpu_s for one in seen), 2),
        remembered=remembered,
    )
