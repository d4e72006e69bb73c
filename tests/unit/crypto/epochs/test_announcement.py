"""What members tell each other of their epochs: pinned bytes, and nothing else is accepted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.crypto.epochs.announcement import Announcement, decode_announcement
from quorate_node.crypto.epochs.errors import CodecError
from quorate_node.crypto.epochs.identity import EpochId

U64 = st.integers(0, 2**64 - 1)
EPOCHS = st.builds(EpochId, st.binary(min_size=8, max_size=8), U64)


def test_the_bytes_are_those_of_the_docstring() -> None:
    announcement = Announcement(1, 2, (EpochId(b"grouptag", 3),))
    assert announcement.encode().hex(" ") == (
        "01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 02 01 67 72 6f 75 70 74 61 67 00 00 00 00 00 00 00 03"
    )


@given(st.builds(Announcement, U64, U64, st.lists(EPOCHS, max_size=16).map(tuple)))
def test_what_is_encoded_is_decoded(announcement: Announcement) -> None:
    assert decode_announcement(announcement.encode()) == announcement
    assert decode_announcement(memoryview(announcement.encode())) == announcement


@given(st.binary(max_size=120))
def test_any_bytes_are_an_announcement_or_a_codec_error(data: bytes) -> None:
    try:
        announcement = decode_announcement(data)
    except CodecError:
        return
    assert announcement.encode() == data


def test_errors_name_what_they_found() -> None:
    good = Announcement(1, 2, (EpochId(b"grouptag", 3),)).encode()
    with pytest.raises(CodecError, match="announcement has 17 bytes; it has at least 18"):
        decode_announcement(good[:17])
    with pytest.raises(CodecError, match="announcement format is 9; only 1"):
        decode_announcement(b"\x09" + good[1:])
    with pytest.raises(CodecError, match="announcement names 17 epochs; it may name 16"):
        decode_announcement(good[:17] + b"\x11" + good[18:])
    with pytest.raises(CodecError, match="announcement of 1 epochs has 33 bytes; it must have 34"):
        decode_announcement(good[:-1])


def test_a_later_life_comes_after_every_announcement_of_a_former_one() -> None:
    assert Announcement(2, 0, ()).order > Announcement(1, 2**64 - 1, ()).order
