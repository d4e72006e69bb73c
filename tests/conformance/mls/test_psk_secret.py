"""The secret that a commit's pre-shared keys give: none, and up to ten, for every suite."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId, psk_secret
from quorate_node.crypto.mls.suites import suite_of
from tests.conformance.mls.vectors import cases


@pytest.mark.parametrize("case", cases("psk_secret"))
def test_psk_secret(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    psks = [
        (PreSharedKeyId(ExternalPsk(bytes.fromhex(psk["psk_id"])), bytes.fromhex(psk["psk_nonce"])), bytes.fromhex(psk["psk"]))
        for psk in case["psks"]
    ]
    assert psk_secret(suite, psks).hex() == case["psk_secret"]
    for name, _ in psks:
        assert decode(PreSharedKeyId, encode(name)) == name
        name.check(suite)
    if len(psks) > 1:
        assert psk_secret(suite, psks[::-1]).hex() != case["psk_secret"], "their order counts"
