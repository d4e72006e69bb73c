"""The working group's MLS test vectors: every file of the folder belongs to a kind by the beginning of its name.

A kind's test takes every entry of every file of that kind, so that files which are added later are judged too; `test_files.py` refuses a
file that no kind claims. Where there is no folder the tests are skipped, and say where they looked.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from quorate_node.crypto.mls.codec import Reader
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.suites import Suite

_REPOSITORY = Path(__file__).resolve().parents[3]
VECTORS = Path(os.environ.get("QUORATE_VECTORS") or _REPOSITORY.parent / "shared" / "vectors") / "mls"

KINDS = (
    "crypto-basics",
    "deserialization",
    "key-schedule",
    "message-protection",
    "messages",
    "passive-client",
    "psk_secret",
    "secret-tree",
    "transcript-hashes",
    "tree-math",
    "tree-operations",
    "tree-validation",
    "treekem",
    "welcome",
)


def kind_of(file: Path) -> str | None:
    """The kind whose name the file's name begins with, as a whole word: `messages-30.json` holds messages."""
    stem = file.stem
    return next((kind for kind in KINDS if stem == kind or stem.startswith(f"{kind}-")), None)


@cache
def _entries(file: Path) -> list[Any]:
    entries = json.loads(file.read_text())
    assert entries, f"{file} holds no vectors"
    return entries  # type: ignore[no-any-return]


def cases(kind: str) -> list[Any]:
    """A parameter for each entry of each file of the kind, named by file, suite and position."""
    assert kind in KINDS, f"no kind of vectors is named {kind}"
    if not VECTORS.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no vectors at {VECTORS}: set QUORATE_VECTORS"), id="missing")]
    files = [file for file in sorted(VECTORS.glob("*.json")) if kind_of(file) == kind]
    assert files, f"{VECTORS} holds no vectors of kind {kind}"
    return [
        pytest.param(entry, id=f"{file.stem}-suite{entry['cipher_suite']}-{number}" if "cipher_suite" in entry else f"{file.stem}-{number}")
        for file in files
        for number, entry in enumerate(_entries(file))
    ]


def read_tree(suite: Suite, text: str) -> RatchetTree:
    """The ratchet tree that `text`, hex, is, whole."""
    reader = Reader(bytes.fromhex(text))
    tree = RatchetTree.read(reader, suite)
    reader.end()
    return tree
