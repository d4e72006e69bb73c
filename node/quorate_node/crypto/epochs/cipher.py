"""AES-256-GCM with nonces that count. The one place that calls the AEAD."""

from __future__ import annotations

from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from quorate_node.crypto.epochs.errors import AuthenticationFailed
from quorate_node.crypto.mls.secret import Secret

TAG_BYTES = 16
_NONCE = Struct(">4xQ")
"""96 bits (NIST SP 800-38D section 8.2.1): no fixed field is needed, since no two senders and no two connections share a key."""


class Cipher:
    """Takes the key over: its buffer is erased, and what is left is OpenSSL's key schedule, which it cleanses when this is dropped."""

    __slots__ = ("_aead",)

    def __init__(self, key: Secret) -> None:
        self._aead = AESGCM(key.buffer())
        key.erase()

    def seal(self, counter: int, associated: bytes | memoryview, plaintext: bytes, output: memoryview) -> None:
        """Ciphertext and tag into `output`, which is 16 bytes longer than `plaintext`. The caller never repeats a counter."""
        self._aead.encrypt_into(_NONCE.pack(counter), plaintext, associated, output)

    def open(self, counter: int, associated: memoryview, ciphertext: memoryview, output: memoryview) -> None:
        """Plaintext into `output`, 16 bytes shorter than `ciphertext`, once its tag is found right. Raises `AuthenticationFailed`."""
        try:
            self._aead.decrypt_into(_NONCE.pack(counter), ciphertext, associated, output)
        except InvalidTag:
            raise AuthenticationFailed(
                f"frame of {len(ciphertext)} bytes with counter {counter} does not open with the key that its header names:"
                " damaged, forged, or the ends disagree about this epoch; close the connection"
            ) from None
