"""Why an entry of the key group changes nothing: a reason to count, and a text that is the same on every member."""

from __future__ import annotations

from enum import StrEnum

from quorate_node.crypto.mls.errors import (
    BadKey,
    BadSignature,
    CodecError,
    EpochError,
    InvalidProposal,
    MissingProposal,
    MlsError,
    TreeError,
    UnsupportedError,
)
from quorate_node.machine.interface import Refused


class Reason(StrEnum):
    """The public check that an entry fails."""

    STALE = "stale"
    """It is for another epoch or group than the current one: its proposer looks at the current one and proposes anew."""
    CODEC = "codec"
    SIZE = "size"
    SIGNATURE = "signature"
    TREE = "tree"
    """Tree hash, parent hashes, or keys that stand twice."""
    PROPOSALS = "proposals"
    UNSUPPORTED = "unsupported"
    KEY = "key"
    VALIDATION = "validation"
    """Another rule of RFC 9420."""
    PATH = "path"
    """A commit without one, or one that ends the group."""
    MEMBERS = "members"
    """The change of leaves is not that of the configuration."""
    GROUP_INFO = "group info"
    WELCOME = "welcome"
    GROUP_ID = "group id"


_OF_ERROR: tuple[tuple[type[MlsError], Reason], ...] = (
    (EpochError, Reason.STALE),
    (CodecError, Reason.CODEC),
    (BadSignature, Reason.SIGNATURE),
    (BadKey, Reason.KEY),
    (TreeError, Reason.TREE),
    (InvalidProposal, Reason.PROPOSALS),
    (MissingProposal, Reason.PROPOSALS),
    (UnsupportedError, Reason.UNSUPPORTED),
)


class GroupRefused(Refused):
    """A result like any other refusal; `reason` for who proposed it, and for the count."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(
            "ConfigurationChanged" if reason is Reason.STALE else "InvalidArgument", f"group entry refused ({reason}): {message}"
        )
        self.reason = reason

    @classmethod
    def of(cls, error: MlsError) -> GroupRefused:
        reason = next((reason for kind, reason in _OF_ERROR if isinstance(error, kind)), Reason.VALIDATION)
        return cls(reason, str(error))
