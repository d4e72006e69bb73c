"""Transcript hashes (section 8.2): all commits of a group so far, in one value each for who signs next and who joins next."""

from __future__ import annotations

from quorate_node.crypto.mls.codec import header
from quorate_node.crypto.mls.suites import Suite


def confirmed_transcript_hash(suite: Suite, interim_before: bytes, confirmed_input: bytes) -> bytes:
    """After a commit. `confirmed_input`: ConfirmedTranscriptHashInput, its AuthenticatedContent up to the signature."""
    return suite.hash(interim_before + confirmed_input)


def interim_transcript_hash(suite: Suite, confirmed: bytes, confirmation_tag: bytes) -> bytes:
    """The confirmed hash and the tag that confirms it: what the next commit's hash begins with."""
    return suite.hash(b"".join((confirmed, header(len(confirmation_tag)), confirmation_tag)))
