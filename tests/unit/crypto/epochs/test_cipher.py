"""AES-256-GCM with counted nonces: the library's, with the key's buffer taken over."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from quorate_node.crypto.epochs.cipher import TAG_BYTES, Cipher
from quorate_node.crypto.epochs.errors import AuthenticationFailed
from quorate_node.crypto.mls.secret import Secret

KEY = bytes(range(32))


def cipher() -> tuple[Cipher, Secret]:
    key = Secret(KEY)
    return Cipher(key), key


def sealed(counter: int, plaintext: bytes, associated: bytes = b"header") -> bytearray:
    output = bytearray(len(plaintext) + TAG_BYTES)
    cipher()[0].seal(counter, associated, plaintext, memoryview(output))
    return output


def test_the_nonce_is_the_counter_in_96_bits() -> None:
    assert sealed(2**40 + 5, b"text") == AESGCM(KEY).encrypt((2**40 + 5).to_bytes(12, "big"), b"text", b"header")


def test_the_keys_buffer_is_erased_before_the_first_use_and_the_cipher_still_has_the_key() -> None:
    made, key = cipher()
    assert key.erased
    output = bytearray(4)
    made.open(1, memoryview(b"header"), memoryview(sealed(1, b"text")), memoryview(output))
    assert output == b"text"


@pytest.mark.parametrize(
    ("counter", "associated", "flip"), [(2, b"header", None), (1, b"Header", None), (1, b"header", 0), (1, b"header", -1)]
)
def test_another_counter_header_text_or_tag_does_not_open(counter: int, associated: bytes, flip: int | None) -> None:
    frame = sealed(1, b"text")
    if flip is not None:
        frame[flip] ^= 1
    with pytest.raises(AuthenticationFailed, match=f"frame of 20 bytes with counter {counter} does not open"):
        cipher()[0].open(counter, memoryview(associated), memoryview(frame), memoryview(bytearray(4)))
