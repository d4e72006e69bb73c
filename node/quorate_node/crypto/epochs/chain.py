"""The chain of one direction of a link in one epoch: a key that is overwritten by its successor."""

from __future__ import annotations

from quorate_node.crypto.epochs.cipher import Cipher
from quorate_node.crypto.epochs.derivation import connection_key, next_chain_key
from quorate_node.crypto.mls.secret import Secret


class Chain:
    """Owns its key."""

    __slots__ = ("_key", "step")

    def __init__(self, key: Secret, step: int = 0) -> None:
        self._key = key
        self.step = step

    def advance(self) -> None:
        """One step: from here on nothing of the step before can be derived."""
        key = next_chain_key(self._key, self.step)
        self._key.erase()
        self._key = key
        self.step += 1

    def ahead(self, step: int) -> Chain:
        """A chain of its own at a later step, while this one stays where it is. The caller erases it."""
        assert step > self.step, f"step {step} is not ahead of {self.step}"
        chain = Chain(next_chain_key(self._key, self.step), self.step + 1)
        while chain.step < step:
            chain.advance()
        return chain

    def connection_key(self, context: bytes) -> Secret:
        return connection_key(self._key, self.step, context)

    def cipher(self, context: bytes) -> Cipher:
        return Cipher(self.connection_key(context))

    def erase(self) -> None:
        self._key.erase()
