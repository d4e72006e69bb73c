"""A planted bug: a patch, and the header that says which rule it breaks, who broke it before, and who should see it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import msgspec

REPOSITORY = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).resolve().parent
FIELDS = {"Rule": "rule", "Broken by": "broken_by", "Seen by": "seen_by", "World": "world"}
_TARGET = re.compile(r"^\+\+\+ b/(\S+)$", re.MULTILINE)


class Malformed(Exception):
    """A patch without its header, or one that does not apply to the source any more; the text names it and says what to do."""


class Mutant(msgspec.Struct, frozen=True):
    name: str
    rule: str
    broken_by: str
    """A real system that broke it, and where that is written."""
    seen_by: str
    """Properties that should be found broken."""
    world: str
    """Of `worlds.WORLDS`."""
    files: tuple[str, ...]
    path: Path


def load(path: Path) -> Mutant:
    """Raises `Malformed`."""
    text = path.read_text(encoding="utf-8")
    header = dict(line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines() if ": " in line)
    missing = [field for field in FIELDS if not header.get(field)]
    files = tuple(_TARGET.findall(text))
    if missing or not files:
        raise Malformed(f"{path.name}: the header lacks {', '.join(missing) or 'nothing, but no file is patched'}; see docs/testing.md")
    return Mutant(name=path.stem, files=files, path=path, **{FIELDS[field]: header[field] for field in FIELDS})


def all_mutants() -> list[Mutant]:
    return [load(path) for path in sorted((FOLDER / "patches").glob("*.patch"))]


def apply(mutant: Mutant, root: Path) -> None:
    """Patch the source below `root`, which is no part of a git work tree. Raises `Malformed`."""
    command = ["git", "apply", "--whitespace=nowarn", str(mutant.path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        raise Malformed(f"{mutant.path.name} does not apply to the source any more: {done.stderr.strip()}; write it anew for today's code")
