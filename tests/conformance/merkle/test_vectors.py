"""Every inclusion and consistency vector, valid and broken (RFC 9162 proofs; source: transparency-dev/merkle, Apache-2.0).

Takes every file below `merkle/inclusion` and `merkle/consistency` of the vectors folder: one that nobody has seen must pass too.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from quorate_node.crypto.merkle_proof import InvalidProof, verify_consistency, verify_inclusion

_REPOSITORY = Path(__file__).resolve().parents[3]
VECTORS = Path(os.environ.get("QUORATE_VECTORS") or _REPOSITORY.parent / "shared" / "vectors") / "merkle"


def cases(kind: str) -> list[Any]:
    folder = VECTORS / kind
    if not folder.is_dir():
        reason = f"no vectors at {folder}: set QUORATE_VECTORS"
        return [pytest.param(folder, marks=pytest.mark.skip(reason=reason), id="missing")]
    files = sorted(folder.rglob("*.json"))
    assert files, f"{folder} holds no vectors"
    return [pytest.param(file, id=str(file.relative_to(folder))) for file in files]


def hashes(values: list[str] | None) -> list[bytes]:
    return [b64decode(value or "", validate=True) for value in values or []]


def expect(want_error: bool, check: Any, *arguments: Any) -> None:
    if want_error:
        with pytest.raises(InvalidProof):
            check(*arguments)
    else:
        check(*arguments)


@pytest.mark.parametrize("file", cases("inclusion"))
def test_inclusion(file: Path) -> None:
    vector = json.loads(file.read_text())
    position = vector["leafIdx"] if "leafIdx" in vector else vector["leafIndex"]
    leaf_hash, root = hashes([vector["leafHash"], vector["root"]])
    expect(vector["wantErr"], verify_inclusion, position, vector["treeSize"], leaf_hash, hashes(vector["proof"]), root)


@pytest.mark.parametrize("file", cases("consistency"))
def test_consistency(file: Path) -> None:
    vector = json.loads(file.read_text())
    before, after = hashes([vector["root1"], vector["root2"]])
    expect(vector["wantErr"], verify_consistency, vector["size1"], vector["size2"], hashes(vector["proof"]), before, after)
