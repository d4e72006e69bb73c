"""One sender's chain of message keys (section 9.1): each generation's key is used once and erased, and no later secret leads back to it.

A received message may be forged, so looking at its key changes nothing: `look` computes, `take` consumes what `look` gave, once
the message has proved to be genuine.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate_node.crypto.mls.errors import LifecycleError, ReplayError
from quorate_node.crypto.mls.labels import derive_tree_secret
from quorate_node.crypto.mls.secret import Secret, erase_all
from quorate_node.crypto.mls.suites import Suite

GENERATION_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class RatchetLimits:
    """`forward_max`: generations that one message may lie ahead. `kept_max`: keys kept for messages that come late."""

    forward_max: int = 1024
    kept_max: int = 128


DEFAULT_RATCHET_LIMITS = RatchetLimits()


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Key and nonce of one generation; `nonce` is yet to be mixed with the message's reuse guard."""

    generation: int
    key: Secret
    nonce: Secret

    def erase(self) -> None:
        erase_all((self.key, self.nonce))


@dataclass(frozen=True, slots=True)
class Look:
    """What the key of a generation is, and what taking it does to the ratchet: `skipped` are kept, `secret_after` goes on.

    `start`: where the ratchet stood. `secret_after` is None for a key that was kept.
    """

    message_key: MessageKey
    start: int
    skipped: tuple[MessageKey, ...] = ()
    secret_after: Secret | None = None

    def drop(self) -> None:
        """The message was not genuine: forget what was computed ahead."""
        if self.secret_after is not None:
            self.secret_after.erase()
            for key in (self.message_key, *self.skipped):
                key.erase()


class Ratchet:
    """The keys of one sender and one kind of content. Mutable: what is consumed is erased in place."""

    __slots__ = ("_generation", "_kept", "_limits", "_secret", "_suite")

    def __init__(self, suite: Suite, secret: Secret, limits: RatchetLimits = DEFAULT_RATCHET_LIMITS) -> None:
        """Takes `secret`, the ratchet's first, over."""
        self._suite = suite
        self._secret = secret
        self._generation = 0
        self._kept: dict[int, MessageKey] = {}
        self._limits = limits

    @property
    def generation(self) -> int:
        """The next one that nobody has reached."""
        return self._generation

    @property
    def kept(self) -> tuple[int, ...]:
        """Generations that were skipped and whose keys are still there, oldest first."""
        return tuple(self._kept)

    def look(self, generation: int) -> Look:
        """The key of `generation`. Raises `ReplayError` when it was used or given up, or lies too far ahead."""
        if generation < self._generation:
            kept = self._kept.get(generation)
            if kept is None:
                raise ReplayError(
                    f"generation {generation} was used before, or is older than the last {self._limits.kept_max} that were skipped"
                )
            return Look(kept, self._generation)
        ahead = generation - self._generation
        if ahead > self._limits.forward_max:
            raise ReplayError(f"generation {generation} lies {ahead} ahead of {self._generation}: {self._limits.forward_max} are allowed")
        if generation >= GENERATION_MAX:
            raise LifecycleError(f"generation {generation} is the last one that can be counted: a new epoch is needed")
        keys: list[MessageKey] = []
        secret = self._secret
        for number in range(self._generation, generation + 1):
            # Keys that would fall out of the window at once are not even derived.
            if generation - number <= self._limits.kept_max:
                keys.append(self._message_key(secret, number))
            following = self._derive(secret, "secret", number, self._suite.hash_bytes)
            if secret is not self._secret:
                secret.erase()
            secret = following
        return Look(keys[-1], self._generation, tuple(keys[:-1]), secret)

    def take(self, look: Look) -> None:
        """Consume what `look` gave: its key is erased, those skipped are kept within the limit."""
        generation = look.message_key.generation
        if look.secret_after is None:
            if self._kept.pop(generation, None) is None:
                raise ReplayError(f"generation {generation} was used before")
        else:
            if look.start != self._generation:
                raise ReplayError(
                    f"generation {generation} was looked at from {look.start}, and the ratchet has moved to {self._generation}"
                )
            self._secret.erase()
            self._secret = look.secret_after
            self._generation = generation + 1
            self._kept.update((key.generation, key) for key in look.skipped)
            while len(self._kept) > self._limits.kept_max:
                self._kept.pop(next(iter(self._kept))).erase()
        look.message_key.erase()

    def erase(self) -> None:
        """Overwrite everything."""
        self._secret.erase()
        for key in self._kept.values():
            key.erase()
        self._kept.clear()

    def _message_key(self, secret: Secret, generation: int) -> MessageKey:
        key = self._derive(secret, "key", generation, self._suite.key_bytes)
        return MessageKey(generation, key, self._derive(secret, "nonce", generation, self._suite.nonce_bytes))

    def _derive(self, secret: Secret, label: str, generation: int, length: int) -> Secret:
        return Secret(derive_tree_secret(self._suite, secret.buffer(), label, generation, length))
