"""What clients support: defaults need no listing, GREASE means nothing, and what a group requires is looked up."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.capabilities import Capabilities, Lifetime, RequiredCapabilities, is_grease
from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import CodecError, UnsupportedError, ValidationError

ABLE = Capabilities((1, 0x1A1A), (1, 3, 0x2A2A), (0xFF01,), (0x3A3A, 0xFF02), (1,))


def test_wire_form() -> None:
    encoded = bytes.fromhex("04 0001 1a1a  06 0001 0003 2a2a  02 ff01  04 3a3a ff02  02 0001")
    assert encode(ABLE) == encoded
    assert decode(Capabilities, encoded) == ABLE
    required = RequiredCapabilities((0xFF01,), (), (1,))
    assert encode(required) == bytes.fromhex("02 ff01 00 02 0001")
    assert decode(RequiredCapabilities, encode(required)) == required
    assert encode(Lifetime(1, 2)) == bytes.fromhex("0000000000000001 0000000000000002")
    assert decode(Lifetime, encode(Lifetime(1, 2))) == Lifetime(1, 2)


def test_a_list_of_types_has_two_bytes_each() -> None:
    with pytest.raises(CodecError, match="list of types of 3 bytes"):
        decode(Capabilities, bytes.fromhex("03 000100  00 00 00 00"))


def test_grease_values_are_known() -> None:
    found = [value for value in range(2**16) if is_grease(value)]
    assert [f"{value:04x}" for value in found] == [f"{digit:x}a{digit:x}a" for digit in range(15)]


def test_defaults_need_no_listing() -> None:
    for extension_type in (1, 2, 3, 4, 5, 0xFF01):
        ABLE.check_extension(extension_type)
    for proposal_type in (1, 2, 3, 4, 5, 6, 7, 0xFF02):
        ABLE.check_proposal(proposal_type)
    ABLE.check_credential(1)


@pytest.mark.parametrize(
    ("required", "message"),
    [
        (RequiredCapabilities(extensions=(0xFF01, 0xFF03)), "extension 65283"),
        (RequiredCapabilities(proposals=(8,)), "proposal 8"),
        (RequiredCapabilities(credentials=(1, 2)), "credential 2"),
    ],
)
def test_what_is_required_and_not_listed_is_named(required: RequiredCapabilities, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        required.check(ABLE)
    RequiredCapabilities((0xFF01, 3), (0xFF02, 7), (1,)).check(ABLE)


def test_a_lifetime_includes_both_ends() -> None:
    lifetime = Lifetime(100, 200)
    for now_s in (100, 150, 200):
        lifetime.check(now_s)
    for now_s in (99, 201):
        with pytest.raises(ValidationError, match=f"from 100 to 200; now it is {now_s}"):
            lifetime.check(now_s)
