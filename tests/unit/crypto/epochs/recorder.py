"""Notes every (key, nonce) pair with which anything is sealed, and objects to the second time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from unittest.mock import patch

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from quorate_node.crypto.epochs import cipher


class Recorder:
    def __init__(self) -> None:
        self.pairs: set[tuple[bytes, bytes]] = set()


@contextmanager
def recorded_nonces() -> Iterator[Recorder]:
    """All ciphers that are made inside are watched; keys are noted by their hash."""
    recorder = Recorder()

    class Watched:
        def __init__(self, key: bytearray) -> None:
            self._name = sha256(key).digest()
            self._aead = AESGCM(key)

        def encrypt_into(self, nonce: bytes, data: bytes, associated: bytes, buffer: memoryview) -> int:
            assert (self._name, nonce) not in recorder.pairs, f"nonce {nonce.hex()} is used a second time with one key"
            recorder.pairs.add((self._name, nonce))
            return self._aead.encrypt_into(nonce, data, associated, buffer)

        def decrypt_into(self, nonce: bytes, data: memoryview, associated: memoryview, buffer: memoryview) -> int:
            return self._aead.decrypt_into(nonce, data, associated, buffer)

    with patch.object(cipher, "AESGCM", Watched):
        yield recorder
