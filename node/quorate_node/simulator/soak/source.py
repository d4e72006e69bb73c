"""Which source is run: a seed means something only together with it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import quorate.wire
import quorate_node

DIGEST_CHARACTERS = 8
GIT_TIMEOUT_S = 10.0
PACKAGES = (Path(quorate.wire.__file__).parents[1], Path(quorate_node.__file__).parent)


def commit() -> str:
    """The commit in short; with a digest of the source behind it where that differs; the digest alone where git does not know."""
    head = _git("rev-parse", "--short=12", "HEAD")
    if head is None:
        return f"source-{digest()}"
    changed = _git("status", "--porcelain", "--", *map(str, PACKAGES))
    return head if changed == "" else f"{head}+{digest()}"


def digest(packages: tuple[Path, ...] = PACKAGES) -> str:
    """Of every Python file: its place and its content."""
    running = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            content = path.read_bytes()
            running.update(b"%s\0%d\0" % (str(path.relative_to(package)).encode(), len(content)) + content)
    return running.hexdigest()[:DIGEST_CHARACTERS]


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(PACKAGES[1]), *arguments]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout.strip()
