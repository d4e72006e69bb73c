"""Transcript hashes go on from what was before."""

from __future__ import annotations

from quorate_node.crypto.mls.suites import SUITES
from quorate_node.crypto.mls.transcript import confirmed_transcript_hash, interim_transcript_hash

SUITE = SUITES[1]


def test_every_input_counts() -> None:
    assert confirmed_transcript_hash(SUITE, b"before", b"commit") == SUITE.hash(b"beforecommit")
    assert interim_transcript_hash(SUITE, b"confirmed", b"tag") == SUITE.hash(b"confirmed" + b"\x03tag")
