"""How epochs are named, and what a grant must say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.epochs.errors import ValidationError
from quorate_node.crypto.epochs.identity import EpochGrant, EpochId, check_member
from quorate_node.crypto.epochs.settings import DEFAULT
from quorate_node.crypto.mls.secret import Secret
from tests.unit.crypto.epochs.members import grant


def test_epochs_of_different_groups_differ_although_their_numbers_do_not() -> None:
    assert EpochId.of(b"one", 1) != EpochId.of(b"other", 1)
    assert EpochId.of(b"one", 1) == EpochId.of(b"one", 1)
    assert str(EpochId.of(b"one", 7)) == f"7 of group {EpochId.of(b'one', 0).group_tag.hex()}"


def test_a_grant_is_erased_in_place_and_never_shown() -> None:
    granted = grant(1, (1, 2))
    buffer, shown = granted.exporter.buffer(), granted.exporter.bytes()
    assert shown.hex() not in repr(granted)
    assert repr(shown)[2:-1] not in repr(granted)
    granted.erase()
    assert buffer == bytes(32)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"group_id": b""}, "group_id has 0 bytes; it must have 1 to 256"),
        ({"group_id": bytes(257)}, "group_id has 257 bytes; it must have 1 to 256"),
        ({"number": -1}, "epoch is -1; it must be 0 to 2"),
        ({"number": 2**64}, "epoch is 18446744073709551616; it must be 0 to 2"),
        ({"exporter": Secret(bytes(31))}, "exporter secret has 31 bytes; it must have at least 32"),
        ({"members": range(1, 1_026)}, "members are 1025; epochs.members_max is 1024"),
        ({"members": (1, 2, 0)}, "member id is 0; it must be 1 to 2"),
        ({"members": (1, 2, 2**63)}, "member id is 9223372036854775808; it must be 1 to 2"),
        ({"members": (1, 2, 2)}, "members name one twice among 3"),
        ({"members": (2, 3)}, "members do not have this member, 1"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(wrong: dict[str, object], text: str) -> None:
    good = grant(1, (1, 2))
    good.check(1, DEFAULT)
    with pytest.raises(ValidationError, match=text):
        replace(good, **wrong).check(1, DEFAULT)  # type: ignore[arg-type]


def test_a_grant_is_used_once() -> None:
    used = grant(1, (1, 2))
    used.erase()
    with pytest.raises(ValidationError, match="exporter secret was erased: a grant is used once"):
        used.check(1, DEFAULT)


def test_the_longest_exporter_of_any_suite_is_taken() -> None:
    EpochGrant(b"g", 2**64 - 1, (1,), Secret(bytes(64))).check(1, DEFAULT)


def test_member_ids_are_positive() -> None:
    check_member(1)
    check_member(2**63 - 1)
    with pytest.raises(ValidationError):
        check_member(-1)
