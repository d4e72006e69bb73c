"""Edwards25519 in integers: the group's laws, and the encodings that RFC 8032 allows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp

from quorate_node.crypto.verdict.curve import (
    BASE,
    IDENTITY,
    SQRT_M1,
    D,
    L,
    P,
    add,
    decode,
    double,
    encode,
    is_identity,
    is_small_order,
    multiply,
    multiply_two,
    negate,
    recover_x,
)

SCALARS = st.integers(1, L - 1)
few = settings(max_examples=25)


def test_the_constants_are_those_of_the_rfc() -> None:
    assert D == 37095705934669439343138083508754565189542113879843219016388785533085940283555
    assert SQRT_M1 * SQRT_M1 % P == P - 1
    assert encode(BASE) == bytes([0x58]) + bytes([0x66]) * 31
    assert is_identity(multiply(L, BASE))


@few
@given(SCALARS)
def test_multiples_of_the_base_are_libsodiums(scalar: int) -> None:
    point = multiply(scalar, BASE)
    assert encode(point) == crypto_scalarmult_ed25519_base_noclamp(scalar.to_bytes(32, "little"))
    decoded = decode(encode(point))
    assert decoded is not None
    assert is_identity(add(decoded, negate(point)))


@few
@given(SCALARS, SCALARS)
def test_the_group_adds_as_the_scalars_do(left: int, right: int) -> None:
    assert encode(add(multiply(left, BASE), multiply(right, BASE))) == encode(multiply(left + right, BASE))
    assert encode(double(multiply(left, BASE))) == encode(add(multiply(left, BASE), multiply(left, BASE)))


def test_the_neutral_element_is_neutral() -> None:
    assert encode(add(BASE, IDENTITY)) == encode(BASE)
    assert is_small_order(IDENTITY) and not is_small_order(BASE)


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1])
def test_a_y_over_the_prime_is_no_encoding(y: int) -> None:
    assert decode(y.to_bytes(32, "little")) is None


def test_an_x_of_minus_zero_is_no_encoding() -> None:
    assert decode((1 | 1 << 255).to_bytes(32, "little")) is None
    assert recover_x(1, 0) == 0


def test_half_of_all_y_belong_to_no_point() -> None:
    found = sum(recover_x(y, 0) is not None for y in range(2, 402))
    assert 150 < found < 250


@few
@given(SCALARS, SCALARS)
def test_two_multiples_at_once_are_their_sum(left: int, right: int) -> None:
    other = multiply(9, BASE)
    assert encode(multiply_two(left, BASE, right, other)) == encode(add(multiply(left, BASE), multiply(right, other)))
    assert is_identity(multiply_two(0, BASE, 0, other))
