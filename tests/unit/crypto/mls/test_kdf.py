"""HKDF by RFC 5869's own test cases, and by the library's for the other hashes."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quorate_node.crypto.mls.kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Hkdf


def test_rfc_5869_test_case_1() -> None:
    prk = HKDF_SHA256.extract(bytes(range(13)), b"\x0b" * 22)
    assert prk.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    wanted = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert HKDF_SHA256.expand(prk, bytes(range(0xF0, 0xFA)), 42).hex() == wanted


@pytest.mark.parametrize(
    ("kdf", "algorithm"), [(HKDF_SHA256, hashes.SHA256()), (HKDF_SHA384, hashes.SHA384()), (HKDF_SHA512, hashes.SHA512())]
)
@pytest.mark.parametrize("length", [1, 32, 33, 64, 65, 500])
def test_it_is_the_librarys(kdf: Hkdf, algorithm: hashes.HashAlgorithm, length: int) -> None:
    expected = HKDF(algorithm, length, b"salt", b"info").derive(b"key material")
    assert kdf.expand(kdf.extract(b"salt", b"key material"), b"info", length) == expected


def test_too_long_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="8160 bytes at most"):
        HKDF_SHA256.expand(bytes(32), b"", 255 * 32 + 1)
