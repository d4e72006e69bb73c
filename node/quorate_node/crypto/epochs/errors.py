"""What can go wrong with group keys, by family: damaged bytes, a forged or misplaced frame, another epoch, a replay, a forbidden step.

Every error of this package, whatever bytes came in, is an `EpochsError`. A message names the field, its value (never a secret's), the
limit, and what helps.
"""

from __future__ import annotations


class EpochsError(Exception):
    """Base of all errors of this package."""


class CodecError(EpochsError):
    """Bytes that are no frame or announcement, or are over a limit."""


class ValidationError(EpochsError, ValueError):
    """Well-formed, but not acceptable: a forged frame, somebody else's, or an argument that makes no sense."""


class EpochError(EpochsError):
    """A frame or an epoch that does not belong where it came: drop it, and send the announcement again."""


class ReplayError(EpochsError):
    """A frame that was opened before, or whose key is gone."""


class LifecycleError(EpochsError):
    """A step that the state of the group context does not allow."""


class AuthenticationFailed(ValidationError):
    """A frame that does not open with the key that it names: damaged, or not sealed by this peer on this connection."""


class SenderMismatch(ValidationError):
    """The frame's sender is not the member that the transport has authenticated."""


class UnknownEpoch(EpochError):
    """An epoch that this member does not hold."""


class PastEpoch(UnknownEpoch):
    """An epoch that this member has left behind: its keys are erased."""


class FutureEpoch(UnknownEpoch):
    """An epoch that this member has not reached yet."""


class NotAMember(EpochError):
    """A member that the epoch does not have, or that a later epoch has removed."""


class StaleEpoch(EpochError):
    """An epoch that would come after a newer one, or a second time: its keys would be used twice."""


class StepTooFar(EpochError):
    """A step so far ahead that deriving its key would take too long."""


class KeyExhausted(EpochError):
    """A key that has sealed as much as is safe: the next step, at most `step_interval_ms` away, brings another."""


class Replayed(ReplayError):
    """This very frame was opened before, or is older than the replay window reaches."""


class StepConsumed(ReplayError):
    """The key of this step is erased: it was used and left behind, or had waited too long."""


class TransitionRefused(LifecycleError):
    """The lifecycle's table has no such transition."""


class Destroyed(LifecycleError):
    """The group context was destroyed: this member is not in the group any more."""


class ConnectionEnded(LifecycleError):
    """A connection that was closed here, or that belongs to another keyring."""
