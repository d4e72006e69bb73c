"""Diffie-Hellman groups: two sides agree, and a key that is none is refused before anything is done with it."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.curves import P256, P384, P521, X448, X25519, Group, NistCurve
from quorate_node.crypto.mls.errors import BadKey

GROUPS: dict[str, Group] = {"x25519": X25519(), "x448": X448(), "p256": P256, "p384": P384, "p521": P521}


@pytest.fixture(params=GROUPS, name="group")
def every_group(request: pytest.FixtureRequest) -> Group:
    return GROUPS[request.param]


def key(group: Group, number: int) -> bytes:
    return group.scalar(lambda label, info: bytes([number]) * group.private_bytes)


def test_both_sides_find_the_same(group: Group) -> None:
    ours, theirs = key(group, 1), key(group, 2)
    assert group.exchange(ours, group.public(theirs)) == group.exchange(bytearray(theirs), group.public(ours))
    assert len(group.public(ours)) == group.public_bytes
    group.check(group.public(ours))


def test_keys_of_another_length_are_refused(group: Group) -> None:
    private, public = key(group, 1), group.public(key(group, 2))
    for wrong in (b"", public[:-1], public + b"\0"):
        with pytest.raises(BadKey, match="public key"):
            group.check(wrong)
        with pytest.raises(BadKey, match="public key"):
            group.exchange(private, wrong)
    with pytest.raises(BadKey, match="private key"):
        group.public(private + b"\0")
    with pytest.raises(BadKey, match="private key"):
        group.exchange(b"", public)


P25519, P448 = 2**255 - 19, 2**448 - 2**224 - 1
ORDER_8 = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)


@pytest.mark.parametrize(
    ("group", "points"),
    [
        (X25519(), (0, 1, P25519 - 1, P25519, P25519 + 1, *ORDER_8, 2**255, 2**255 + 1, *(2**255 + point for point in ORDER_8))),
        (X448(), (0, 1, P448 - 1, P448, P448 + 1)),
    ],
    ids=["x25519", "x448"],
)
def test_points_of_small_order_are_refused(group: Group, points: tuple[int, ...]) -> None:
    """Before somebody is sealed to, too: a member with such a key would make the others' paths fail."""
    for point in points:
        public = point.to_bytes(group.public_bytes, "little")
        with pytest.raises(BadKey, match="small order"):
            group.exchange(key(group, 1), public)
        with pytest.raises(BadKey, match="small order"):
            group.check(public)


@pytest.mark.parametrize("curve", [P256, P384, P521], ids=["p256", "p384", "p521"])
def test_points_off_the_curve_and_compressed_ones_are_refused(curve: NistCurve) -> None:
    public = curve.public(key(curve, 1))
    with pytest.raises(BadKey, match="no point"):
        curve.check(public[:-1] + bytes([public[-1] ^ 1]))
    with pytest.raises(BadKey, match="uncompressed"):
        curve.check(b"\x02" + public[1:])


@pytest.mark.parametrize("curve", [P256, P384, P521], ids=["p256", "p384", "p521"])
def test_a_private_key_is_below_the_order(curve: NistCurve) -> None:
    for number in (0, curve.order):
        with pytest.raises(BadKey, match="below its order"):
            curve.public(number.to_bytes(curve.private_bytes, "big"))
    least, most = b"\x01", (curve.order - 1).to_bytes(curve.private_bytes, "big")
    assert curve.public(least)[1 : 1 + curve.private_bytes] == curve.public(most)[1 : 1 + curve.private_bytes], "P and -P"


def test_candidates_are_drawn_until_one_fits() -> None:
    """RFC 9180 section 7.1.3: a candidate that is 0 or not below the order is passed over."""
    answers = [bytes(32), b"\xff" * 32, b"\x05" * 32]
    assert P256.scalar(lambda label, info: answers[info[0]]) == answers[2]
    with pytest.raises(BadKey, match="none of 256 candidates"):
        P256.scalar(lambda label, info: bytes(32))
