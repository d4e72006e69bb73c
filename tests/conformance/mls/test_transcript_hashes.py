"""A commit takes the transcript from one epoch to the next, for every suite."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.framing.authenticated import AuthenticatedContent
from quorate_node.crypto.mls.key_schedule import confirmation_tag
from quorate_node.crypto.mls.suites import suite_of
from quorate_node.crypto.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from tests.conformance.mls.vectors import cases


@pytest.mark.parametrize("case", cases("transcript-hashes"))
def test_transcript_hashes(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    encoded = bytes.fromhex(case["authenticated_content"])
    authenticated = decode(AuthenticatedContent, encoded)
    assert encode(authenticated) == encoded
    assert isinstance(authenticated.content.body, Commit)
    confirmed = confirmed_transcript_hash(suite, bytes.fromhex(case["interim_transcript_hash_before"]), authenticated.confirmed_input())
    assert confirmed.hex() == case["confirmed_transcript_hash_after"]
    tag = authenticated.auth.confirmation_tag
    assert tag is not None
    assert tag == confirmation_tag(suite, bytes.fromhex(case["confirmation_key"]), confirmed)
    assert interim_transcript_hash(suite, confirmed, tag).hex() == case["interim_transcript_hash_after"]
