"""What can go wrong in MLS, by family: whoever calls tells damaged bytes from a forged message, and a replay from a missing key.

Every error of this package, whatever bytes came in, is an `MlsError`. A message names the field, its value (never a secret's) and
the limit.
"""

from __future__ import annotations


class MlsError(Exception):
    """Base of all errors of this package."""


class CodecError(MlsError):
    """Bytes that are no encoding of the structure that was asked for, or are over a limit (section 2.1)."""


class ValidationError(MlsError):
    """A well-formed message or tree that breaks a rule of RFC 9420: refused, nothing has changed."""


class EpochError(MlsError):
    """A message of another group or epoch than the one at hand."""


class ReplayError(MlsError):
    """A message key that was used before, or that lies outside the window of kept generations."""


class LifecycleError(MlsError):
    """A step that the group's state does not allow: an erased secret, a removed member, a group that was reinitialized."""


class UnsupportedError(MlsError):
    """A suite, version, extension or proposal that this side does not implement, or that a member has not declared."""


class BadSignature(ValidationError):
    """A signature that does not fit its content and public key (section 5.1.2)."""


class BadMac(ValidationError):
    """A membership tag or confirmation tag that does not fit (sections 6.1 and 6.2)."""


class BadKey(ValidationError):
    """A public or private key that its suite does not allow: wrong length, off the curve, of small order."""


class DecryptionFailed(ValidationError):
    """A ciphertext that does not open: damaged, or sealed for somebody else."""


class TreeError(ValidationError):
    """A ratchet tree that no sequence of valid commits can have made (section 12.4.3.1)."""


class ParentHashMismatch(TreeError):
    """A parent node whose hash no leaf below it vouches for (section 7.9.2)."""


class InvalidProposal(ValidationError):
    """A list of proposals that section 12.2 forbids."""


class MissingProposal(ValidationError):
    """A commit refers to a proposal that this member has not received: fetch it and process the commit again."""


class MissingPsk(ValidationError):
    """A pre-shared key that a commit or welcome needs and that this member does not have. Never replaced by a default."""


class NotForUs(ValidationError):
    """A Welcome or a path that holds nothing for the key package or leaf at hand."""


class RemovedFromGroup(LifecycleError):
    """A commit that removes this member: there is no next epoch for it."""
