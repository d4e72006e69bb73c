"""Each family of errors has a counter of its own."""

from __future__ import annotations

import pytest

from quorate_node.crypto.epochs.counters import EpochCounters
from quorate_node.crypto.epochs.errors import (
    AuthenticationFailed,
    CodecError,
    Destroyed,
    EpochsError,
    KeyExhausted,
    PastEpoch,
    Replayed,
    SenderMismatch,
)


@pytest.mark.parametrize(
    ("error", "counter"),
    [
        (CodecError, "opens_refused_codec"),
        (AuthenticationFailed, "opens_refused_validation"),
        (SenderMismatch, "opens_refused_validation"),
        (PastEpoch, "opens_refused_epoch"),
        (KeyExhausted, "opens_refused_epoch"),
        (Replayed, "opens_refused_replay"),
        (Destroyed, "opens_refused_lifecycle"),
    ],
)
def test_a_refusal_is_counted_by_its_family(error: type[EpochsError], counter: str) -> None:
    counters = EpochCounters()
    counters.refuse_open(error("text"))
    expected = EpochCounters()
    setattr(expected, counter, 1)
    assert counters == expected
