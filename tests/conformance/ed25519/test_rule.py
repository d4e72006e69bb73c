"""The rule and its fast form give the verdict that each vector asks for, whatever file it comes in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from random import Random

import pytest

from quorate_node.crypto.verdict import fast
from quorate_node.crypto.verdict.fast import verify_fast
from quorate_node.crypto.verdict.rule import Verdict, verify
from tests.conformance.ed25519 import cases, forging, rfc8032
from tests.conformance.ed25519.cases import Case

exactly = lru_cache(maxsize=16)(verify)


@pytest.fixture(autouse=True)
def _ask_the_rule_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What libsodium refuses, the fast form asks the rule about: it need not work out again what was just worked out for the comparison."""
    monkeypatch.setattr(fast, "verify", exactly)


def judge(case: Case) -> None:
    exact, quick = (verifier(case.public_key, case.message, case.signature) for verifier in (exactly, verify_fast))
    assert exact is quick, f"{case.name}: the rule says {exact.name}, its fast form {quick.name}"
    if case.accepted is not None:
        assert (exact is Verdict.ACCEPTED) is case.accepted, f"{case.name}: {exact.name}"


@pytest.mark.parametrize("path", cases.vector_files())
def test_every_file_of_vectors(path: Path) -> None:
    for case in cases.read(path):
        judge(case)


@pytest.mark.parametrize("case", rfc8032.CASES, ids=lambda case: case.name)
def test_rfc_8032(case: Case) -> None:
    judge(case)


@pytest.mark.parametrize("family", forging.FAMILIES, ids=lambda family: family.__name__)
def test_forged(family: Callable[[Random], Iterator[Case]]) -> None:
    judged = 0
    for case in family(Random(8032)):
        judge(case)
        judged += 1
    assert judged >= 10


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("not json", "no JSON"),
        ("{}", "neither"),
        ("[]", "no case"),
        ('[["a"]]', "not an object"),
        ('[{"pub_key": "00", "message": ""}]', "signature"),
        ('[{"pub_key": "00", "message": "", "signature": "00", "result": "acceptable"}]', "neither valid nor invalid"),
        ('{"testGroups": [{"type": "EcdsaVerify", "tests": []}]}', "EddsaVerify"),
        ('{"testGroups": [{"type": "EddsaVerify", "publicKey": {"curve": "edwards448", "pk": "00"}, "tests": []}]}', "edwards25519"),
    ],
)
def test_a_file_that_nobody_can_read_is_an_error(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "unseen.json"
    path.write_text(content)
    with pytest.raises(cases.UnknownFormat, match=complaint):
        cases.read(path)


def test_a_wrong_mark_in_an_unseen_file_is_noticed(tmp_path: Path) -> None:
    genuine = rfc8032.CASES[1]
    parts = {"pub_key": genuine.public_key.hex(), "message": genuine.message.hex(), "signature": genuine.signature.hex()}
    path = tmp_path / "unseen.json"
    path.write_text(json.dumps([{**parts, "valid": False}]))
    with pytest.raises(AssertionError, match="ACCEPTED"):
        judge(cases.read(path)[0])
