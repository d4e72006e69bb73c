"""Other people's Ed25519 vectors, whatever file they come in: every file is taken, and one that cannot be read is an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import vectors_directory

SPECCHECK_ACCEPTED = {3, 4, 5}
"""Of ed25519-speccheck's cases (0 to 11) those that DESIGN decision 6 accepts. The file itself says of none whether it is right."""

KEY_NAMES = ("pub_key", "public_key", "publicKey", "pk", "vk", "key", "vk_bytes")
SIGNATURE_NAMES = ("signature", "sig", "sig_bytes")
MESSAGE_NAMES = ("message", "msg")
EXPECTED_NAMES = ("result", "expected", "valid", "accept", "accepted")


class UnknownFormat(Exception):
    """A file, or a case in it, that says its parts in no way that is known here."""


@dataclass(frozen=True)
class Case:
    """`accepted` None: the file does not say; then the implementations must agree with the rule."""

    name: str
    public_key: bytes
    message: bytes
    signature: bytes
    accepted: bool | None


def vector_files() -> list[Any]:
    """A pytest parameter for every file there is, or one that is skipped with the reason."""
    vectors = vectors_directory()
    folder = vectors / "ed25519" if vectors else None
    if folder is None or not folder.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason="no vectors: set QUORATE_VECTORS to their folder"), id="missing")]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert files, f"{folder} holds no vectors"
    return [pytest.param(path, id=str(path.relative_to(folder))) for path in files]


def read(path: Path) -> list[Case]:
    """All cases of a file: Wycheproof's form, or a list of cases as speccheck's. Raises `UnknownFormat`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnknownFormat(f"{path.name}: no JSON: {error}") from error
    if isinstance(content, dict) and "testGroups" in content:
        cases = list(_wycheproof(path.name, content))
        counted = content.get("numberOfTests", len(cases))
        assert len(cases) == counted, f"{path.name} says that it has {counted} tests, {len(cases)} were read"
    elif isinstance(content, list) or (isinstance(content, dict) and isinstance(content.get("cases"), list)):
        cases = list(_plain(path.name, content if isinstance(content, list) else content["cases"]))
    else:
        raise UnknownFormat(f"{path.name}: neither Wycheproof's testGroups nor a list of cases")
    if not cases:
        raise UnknownFormat(f"{path.name}: holds no case")
    return cases


def _wycheproof(file: str, content: dict[str, Any]) -> Iterator[Case]:
    for group in content["testGroups"]:
        if "ddsa" not in group.get("type", "").lower():
            raise UnknownFormat(f"{file}: a group of type {group.get('type')!r}, not EddsaVerify")
        held = group.get("publicKey") or group.get("key") or {}
        if held.get("curve", "edwards25519") != "edwards25519" or "pk" not in held:
            raise UnknownFormat(f"{file}: a group whose key is not an edwards25519 pk")
        key = bytes.fromhex(held["pk"])
        for test in group["tests"]:
            yield Case(
                f"{file} #{test['tcId']}: {test['comment']}",
                key,
                bytes.fromhex(test["msg"]),
                bytes.fromhex(test["sig"]),
                _said(file, test["result"]),
            )


def _plain(file: str, cases: list[Any]) -> Iterator[Case]:
    for number, case in enumerate(cases):
        where = f"{file} [{number}]"
        if not isinstance(case, dict):
            raise UnknownFormat(f"{where}: not an object")
        marks = [case[name] for name in EXPECTED_NAMES if name in case]
        if marks:
            accepted: bool | None = _said(where, marks[0])
        else:
            accepted = number in SPECCHECK_ACCEPTED if file.startswith("speccheck") else None
        parts = [_hex(where, case, names) for names in (KEY_NAMES, MESSAGE_NAMES, SIGNATURE_NAMES)]
        yield Case(where, parts[0], parts[1], parts[2], accepted)


def _hex(where: str, case: dict[str, Any], names: tuple[str, ...]) -> bytes:
    for name in names:
        if name in case:
            return bytes.fromhex(case[name])
    raise UnknownFormat(f"{where}: has none of {', '.join(names)}")


def _said(where: str, mark: object) -> bool:
    if isinstance(mark, bool):
        return mark
    if mark in {"valid", "accept", "accepted", "ok"}:
        return True
    if mark in {"invalid", "reject", "rejected", "error"}:
        return False
    raise UnknownFormat(f"{where}: the result {mark!r} says neither valid nor invalid")
