"""Edwards25519 in Python integers (RFC 8032 section 5.1): -x^2 + y^2 = 1 + d x^2 y^2 over 2^255 - 19. Pure, exact, variable time.

All here is public data (signatures are checked, never made), so nothing needs constant time. Points are in extended coordinates
(X, Y, Z, T) with x = X/Z, y = Y/Z, T = XY/Z; the addition is complete (Hisil, Wong, Carter and Dawson 2008): no special cases.
"""

from __future__ import annotations

P = 2**255 - 19
"""The field's prime."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ENCODED_BYTES = 32

Point = tuple[int, int, int, int]

IDENTITY: Point = (0, 1, 1, 0)
_SIGN = 1 << 255


def recover_x(y: int, sign: int) -> int | None:
    """The x of least significant bit `sign` with (x, y) on the curve, or None (RFC 8032 5.1.3). x = 0 has no odd twin: None for sign 1."""
    above, below = (y * y - 1) % P, (D * y * y + 1) % P
    x = above * pow(below, 3, P) * pow(above * pow(below, 7, P), (P - 5) // 8, P) % P
    if below * x * x % P != above:
        x = x * SQRT_M1 % P
        if below * x * x % P != above:
            return None
    if x == 0 and sign:
        return None
    return P - x if x & 1 != sign else x


def split(encoded: bytes) -> tuple[int, int]:
    """(y, sign) of 32 bytes, little-endian; y is *not* reduced: it may be P or more in an encoding that is not canonical."""
    assert len(encoded) == ENCODED_BYTES, f"a point is {ENCODED_BYTES} bytes, not {len(encoded)}"
    value = int.from_bytes(encoded, "little")
    return value & (_SIGN - 1), value >> 255


def decode(encoded: bytes) -> Point | None:
    """The point of a canonical encoding; None where y is P or more, where x would be -0, or where there is no such point."""
    y, sign = split(encoded)
    if y >= P:
        return None
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def encode(point: Point) -> bytes:
    """The canonical 32 bytes of a point (RFC 8032 5.1.2)."""
    x, y, z, _ = point
    inverse = pow(z, -1, P)
    return ((y * inverse % P) | ((x * inverse % P) & 1) << 255).to_bytes(ENCODED_BYTES, "little")


def add(left: Point, right: Point) -> Point:
    """The sum, for all points (d is no square: the formula is complete)."""
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a, b = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    c, d = 2 * D * t1 % P * t2, 2 * z1 * z2
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(point: Point) -> Point:
    """Twice the point."""
    x, y, z, _ = point
    a, b = x * x, y * y
    h = (a + b) % P
    e = (h - (x + y) * (x + y)) % P
    g = (a - b) % P
    f = (2 * z * z + g) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def negate(point: Point) -> Point:
    """The point of the opposite x."""
    x, y, z, t = point
    return P - x, y, z, P - t


def multiply(scalar: int, point: Point) -> Point:
    """`scalar` times the point; the scalar is not reduced (a point of mixed order would notice)."""
    assert scalar >= 0, f"a scalar is 0 or more, not {scalar}"
    result = IDENTITY
    for bit in f"{scalar:b}":
        result = double(result)
        if bit == "1":
            result = add(result, point)
    return result


def multiply_two(left: int, first: Point, right: int, second: Point) -> Point:
    """`left` times the first point and `right` times the second, added: the doublings are shared (Straus 1964)."""
    assert left >= 0 and right >= 0, f"scalars are 0 or more, not {left} and {right}"
    sums = (None, first, second, add(first, second))
    result = IDENTITY
    for bit in range(max(left.bit_length(), right.bit_length()) - 1, -1, -1):
        result = double(result)
        chosen = sums[(left >> bit & 1) | (right >> bit & 1) << 1]
        if chosen is not None:
            result = add(result, chosen)
    return result


def is_identity(point: Point) -> bool:
    """Whether it is the neutral element, x = 0 and y = 1."""
    x, y, z, _ = point
    return x % P == 0 and (y - z) % P == 0


def is_small_order(point: Point) -> bool:
    """Whether its order divides the cofactor 8."""
    return is_identity(double(double(double(point))))


def _base() -> Point:
    y = 4 * pow(5, -1, P) % P
    x = recover_x(y, 0)
    assert x is not None, "the base point is on the curve"
    return x, y, 1, x * y % P


BASE: Point = _base()
