"""Where other people's golden files are: `QUORATE_VECTORS`, else `../shared/vectors` beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]


def folder() -> Path:
    return Path(os.environ.get("QUORATE_VECTORS") or _ROOT.parent / "shared" / "vectors") / "raft"


def files(kind: str) -> list[object]:
    """One parameter a file of `raft/<kind>`; a single skipped one when the folder is not there."""
    found = sorted((folder() / kind).glob("*.txt"))
    if not found:
        reason = f"no golden files in {folder() / kind}: set QUORATE_VECTORS to the folder that holds raft/"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id=f"no-{kind}-files")]
    return [pytest.param(path, id=path.stem) for path in found]
