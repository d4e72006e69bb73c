"""What the group keys count, since the keyring was made. The shell shows them as metrics."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_node.crypto.epochs.errors import CodecError, EpochError, EpochsError, LifecycleError, ReplayError


@dataclass(slots=True)
class EpochCounters:
    seals: int = 0
    """Frames."""
    seal_messages: int = 0
    seal_bytes: int = 0
    """Plaintext, with the lengths of its messages."""
    seals_refused: int = 0

    opens: int = 0
    open_messages: int = 0
    open_bytes: int = 0
    opens_refused_codec: int = 0
    opens_refused_validation: int = 0
    opens_refused_epoch: int = 0
    opens_refused_replay: int = 0
    opens_refused_lifecycle: int = 0

    steps: int = 0
    """Of the chains that this member seals with."""

    recovery_batches_sent: int = 0
    recovery_messages_sent: int = 0
    recovery_batches_received: int = 0
    recovery_messages_received: int = 0
    recovery_although_shared: int = 0
    """Messages that came in the recovery class from a peer that has announced an epoch which this member holds: a few while the
    announcements cross; more is a peer that will not use its keys."""

    epochs_installed: int = 0
    epochs_erased: int = 0
    epochs_discarded: int = 0
    """Prepared for a commit that was not applied."""
    epochs_crowded_out: int = 0
    """Erased before their grace was over, because of `epochs.epochs_max`."""
    links_withdrawn: int = 0
    """Given up until the next epoch, because the chains of both ends did not fit."""
    announcements: int = 0
    announcements_stale: int = 0

    def refuse_open(self, error: EpochsError) -> None:
        match error:
            case CodecError():
                self.opens_refused_codec += 1
            case EpochError():
                self.opens_refused_epoch += 1
            case ReplayError():
                self.opens_refused_replay += 1
            case LifecycleError():
                self.opens_refused_lifecycle += 1
            case _:
                self.opens_refused_validation += 1
