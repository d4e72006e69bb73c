"""Where a commit's pre-shared keys are looked up: the application's, and those of past epochs. A missing one is always an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quorate_node.crypto.mls.errors import MissingPsk
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId, PskName, ResumptionPsk, psk_secret
from quorate_node.crypto.mls.secret import Octets, Secret
from quorate_node.crypto.mls.suites import Suite

PskSource = Callable[[PskName], Octets | None]
"""The key of that name, None where there is none. What it returns is read at once and not kept."""


def no_psks(_name: PskName) -> None:
    """The source of those who have no pre-shared key."""


class PskStore:
    """Keys in memory: external ones by name, and the resumption secrets of the last epochs of any group. Mutable; the caller's to erase."""

    def __init__(self, past_epochs_max: int = 8) -> None:
        self._external: dict[bytes, Secret] = {}
        self._resumption: dict[tuple[bytes, int], Secret] = {}
        self._past_epochs_max = past_epochs_max

    def set_external(self, psk_id: bytes, key: Octets) -> None:
        """Know a key under its name; one that was known before is erased."""
        self.forget_external(psk_id)
        self._external[psk_id] = Secret(key)

    def forget_external(self, psk_id: bytes) -> None:
        """Erase the key of that name, if there is one."""
        known = self._external.pop(psk_id, None)
        if known is not None:
            known.erase()

    def remember_epoch(self, group_id: bytes, epoch: int, resumption_psk: Octets) -> None:
        """Know an epoch's resumption secret; of more than `past_epochs_max` the first one that was remembered is erased."""
        known = self._resumption.pop((group_id, epoch), None)
        if known is not None:
            known.erase()
        self._resumption[group_id, epoch] = Secret(resumption_psk)
        while len(self._resumption) > self._past_epochs_max:
            self._resumption.pop(next(iter(self._resumption))).erase()

    def find(self, name: PskName) -> bytearray | None:
        """A `PskSource`."""
        if isinstance(name, ExternalPsk):
            found = self._external.get(name.psk_id)
        else:
            found = self._resumption.get((name.group_id, name.epoch))
        return None if found is None else found.buffer()

    def erase(self) -> None:
        """Overwrite and forget all."""
        for secret in (*self._external.values(), *self._resumption.values()):
            secret.erase()
        self._external.clear()
        self._resumption.clear()


def psk_secret_of(suite: Suite, psks: Sequence[PreSharedKeyId], source: PskSource) -> Secret:
    """The secret that a commit's keys give, in the order of its proposals. Raises `MissingPsk` for the first that is not there."""
    found = []
    for psk in psks:
        key = source(psk.name)
        if key is None:
            raise MissingPsk(f"the commit needs {_describe(psk.name)}, which is not known here")
        found.append((psk, key))
    return Secret(psk_secret(suite, found))


def _describe(name: PskName) -> str:
    if isinstance(name, ResumptionPsk):
        return f"the resumption PSK of epoch {name.epoch} of group {name.group_id.hex()}"
    return f"the external PSK {name.psk_id.hex()}"
