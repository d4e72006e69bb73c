"""One member's group keys: epochs come and go by its log, connections by its transport, and every network batch is sealed and opened here.

No clock and no randomness: times are milliseconds of any clock that does not go back; random bytes are arguments. Not for several threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from quorate_node.crypto.epochs.announcement import Announcement
from quorate_node.crypto.epochs.batch import Bytes
from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.counters import EpochCounters
from quorate_node.crypto.epochs.epoch import Epoch
from quorate_node.crypto.epochs.epoch_table import EpochTable
from quorate_node.crypto.epochs.errors import Destroyed, LifecycleError, ValidationError
from quorate_node.crypto.epochs.identity import EpochGrant, EpochId, check_member
from quorate_node.crypto.epochs.lifecycle import GroupEvent, GroupState, next_state
from quorate_node.crypto.epochs.opened import NoSharedEpoch, OpenedBatch
from quorate_node.crypto.epochs.settings import DEFAULT, EpochSettings
from quorate_node.crypto.epochs.status import EpochStatus, KeyringStatus, LinkStatus
from quorate_node.crypto.epochs.traffic import Traffic


class Cause(Enum):
    """Why an epoch begins; status tells a rotation from the rest."""

    UPDATE = GroupEvent.UPDATED
    ROTATION = GroupEvent.ROTATED


class Keyring:
    """`boot_counter` is the member's durable count of process starts: announcements of a former life never come after those of this one."""

    def __init__(self, member_id: int, boot_counter: int, settings: EpochSettings = DEFAULT) -> None:
        check_member(member_id)
        self.member_id = member_id
        self.counters = EpochCounters()
        self.state = GroupState.CREATION
        self.version = 0
        """Grows when `announcement` changes: send it to every peer then."""
        self._boot_counter = boot_counter
        self._settings = settings
        self._table = EpochTable(settings, self.counters)
        self._prepared: Epoch | None = None
        self._traffic = Traffic(member_id, settings, self._table, self.counters)

    @property
    def settings(self) -> EpochSettings:
        return self._settings

    # Epochs

    def prepare(self, grant: EpochGrant) -> EpochId:
        """The epoch of a commit that this member proposes: held back until the commit is applied, or discarded.

        The grant's exporter is erased in any case. Raises `ValidationError`, `StaleEpoch`, `LifecycleError`.
        """
        try:
            self._check_alive()
            grant.check(self.member_id, self._settings)
            if self._prepared is not None:
                raise LifecycleError(
                    f"epoch {grant.id} cannot be prepared: {self._prepared.id} is, and no commit is proposed before"
                    " the last one is applied; discard it first"
                )
            self._table.check_new(grant.id)
            self._prepared = Epoch(grant, self.member_id, self._settings)
            return self._prepared.id
        finally:
            grant.erase()

    def discard_prepared(self) -> bool:
        """The commit will not be applied (truncation, a change of term, a refused proposal). False when nothing was prepared."""
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            return False
        prepared.erase()
        self.counters.epochs_discarded += 1
        return True

    def install(self, grant: EpochGrant, *, index: int, cause: Cause, now_ms: int) -> EpochId:
        """The epoch of a commit that was applied at `index`; what was prepared is discarded, because it cannot be applied any more.

        The grant's exporter is erased in any case. Raises `ValidationError`, `StaleEpoch`, `Destroyed`.
        """
        try:
            state = next_state(self._check_alive(), cause.value)
            grant.check(self.member_id, self._settings)
            self._table.check_new(grant.id, index)
            epoch = Epoch(grant, self.member_id, self._settings)
        finally:
            grant.erase()
        self.discard_prepared()
        return self._install(epoch, state, index, now_ms)

    def install_prepared(self, epoch_id: EpochId, *, index: int, cause: Cause, now_ms: int) -> EpochId:
        """The member's own commit was applied at `index`. Raises `StaleEpoch`, `LifecycleError` (also when another one is prepared)."""
        state = next_state(self._check_alive(), cause.value)
        prepared = self._prepared
        if prepared is None or prepared.id != epoch_id:
            found = prepared.id if prepared else "none"
            raise LifecycleError(f"epoch {epoch_id} is not prepared here, {found} is: install it from a grant")
        self._table.check_new(epoch_id, index)
        self._prepared = None
        return self._install(prepared, state, index, now_ms)

    def _install(self, epoch: Epoch, state: GroupState, index: int, now_ms: int) -> EpochId:
        self._traffic.attach_all(epoch)
        self._table.install(epoch, index, now_ms)
        self.state = state
        self.counters.epochs_installed += 1
        self._changed(now_ms, installed=True)
        return epoch.id

    def suspend(self, now_ms: int) -> None:
        """This member cannot follow a commit that was applied: what it holds lasts for its grace. Raises `LifecycleError`."""
        self.state = next_state(self._check_alive(), GroupEvent.SUSPENDED)
        self.discard_prepared()
        self._table.supersede(now_ms)

    def destroy(self) -> None:
        """Erase everything, for good. Raises `LifecycleError` the second time."""
        self.state = next_state(self.state, GroupEvent.DESTROYED)
        self.discard_prepared()
        self._table.erase_all()
        self._traffic.close()
        self.version += 1

    def tick(self, now_ms: int) -> None:
        """Erase what is due. Call it at least once in `step_interval_ms`; a late one only leaves keys in memory for longer."""
        if self.state is GroupState.DESTROYED:
            return
        self._traffic.tick(now_ms)
        self._changed(now_ms)

    def _changed(self, now_ms: int, *, installed: bool = False) -> None:
        """After whatever may have made epochs come, go, or be agreed."""
        if self._table.expire(now_ms) or installed:
            self.version += 1
            self._traffic.choose_all()
        if self.state in (GroupState.UPDATING, GroupState.ROTATING) and self._table.settled(now_ms):
            self.state = next_state(self.state, GroupEvent.AGREED)

    # Announcements

    def announcement(self, peer: int) -> Announcement:
        """What this member can open of `peer`: for every handshake with it, and again whenever `version` has changed."""
        epochs = tuple(epoch.id for epoch in reversed(self._table.epochs) if peer in epoch.links)
        return Announcement(self._boot_counter, self.version, epochs)

    def heard(self, peer: int, announcement: Announcement, now_ms: int) -> bool:
        """What `peer` can open. False for an announcement that was overtaken by a later one. Raises `ValidationError`, `Destroyed`."""
        self._check_alive()
        self._check_peer(peer)
        fresh = self._table.heard(peer, announcement, now_ms)
        self.counters.announcements += 1
        self.counters.announcements_stale += not fresh
        self._traffic.choose(peer)
        self._changed(now_ms)
        return fresh

    def withdraw(self, peer: int) -> None:
        """Give up the link to `peer` in every epoch that is held: the chains of both ends do not fit any more, as after a rollback of one.

        For when frames of fresh connections are refused again and again (`StepConsumed`, `StepTooFar`, `AuthenticationFailed`): the link
        goes on in the recovery class until the next epoch, instead of standing still. Raises `Destroyed`.
        """
        self._check_alive()
        if self._table.withdraw(peer):
            self.counters.links_withdrawn += 1
            self.version += 1
            self._traffic.choose(peer)

    # Connections and traffic

    def connect(self, peer: int, *, dialled: bool, own_random: bytes, peer_random: bytes) -> Connection:
        """A connection whose other end the transport has authenticated as `peer`; each random is 32 fresh bytes of one end's handshake.

        The accepting end calls this before it answers the handshake, and seals nothing before it has opened a frame or heard of the dialler
        on this connection: else the link's chain could move on before the dialler can make this connection's key. Raises
        `ValidationError`, `Destroyed`.
        """
        self._check_alive()
        self._check_peer(peer)
        return self._traffic.connect(peer, own_random, peer_random, dialled=dialled)

    def disconnect(self, connection: Connection) -> None:
        """Its keys are erased. Once is enough, more does no harm."""
        self._traffic.disconnect(connection)

    def seal(self, connection: Connection, messages: Sequence[Bytes], now_ms: int) -> bytearray | NoSharedEpoch:
        """One frame for all messages of a network batch, in the newest epoch that both ends have announced; or that there is none.

        Raises `ValidationError` (empty, too many, too large), `KeyExhausted`, `LifecycleError`.
        """
        self._check_alive()
        return self._traffic.seal(connection, messages, now_ms)

    def open(self, connection: Connection, frames: Sequence[Bytes], now_ms: int) -> OpenedBatch:
        """All frames of a network batch in one pass. A frame that does not open is a `Refusal`, the others are not touched by it.

        Raises `LifecycleError`.
        """
        self._check_alive()
        return self._traffic.open(connection, frames, now_ms)

    def received_in_recovery(self, connection: Connection, messages: int) -> None:
        """Count a batch that came without a seal. Whether its sender may speak so is for the caller, who knows the configuration."""
        self._check_alive()
        self._traffic.received_in_recovery(connection, messages)

    def _check_peer(self, peer: int) -> None:
        check_member(peer)
        if peer == self.member_id:
            raise ValidationError(f"peer is {peer}, this member itself")

    def _check_alive(self) -> GroupState:
        if self.state is GroupState.DESTROYED:
            raise Destroyed(f"group context of member {self.member_id} is destroyed: a new membership needs a new one")
        return self.state

    def status(self) -> KeyringStatus:
        epochs = self._table.epochs
        shown = tuple(EpochStatus.of(epoch) for epoch in [*epochs, *([self._prepared] if self._prepared else [])])
        links = []
        for peer in sorted({peer for epoch in epochs for peer in epoch.links}):
            epoch = self._table.choose(peer)
            link = epoch.links[peer] if epoch else None
            links.append(
                LinkStatus(peer, epoch.id if epoch else None, link.sending.step if link else 0, link.receiving.step if link else 0)
            )
        return KeyringStatus(self.state, shown, tuple(links), self._traffic.connections)
