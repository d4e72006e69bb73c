"""What a member's private half is told of an applied entry of the key group, once the state is written."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.wire.commands import GroupCommit, GroupCreate
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group.commit_check import CheckedCommit
from quorate_node.machine.group.refusal import Reason
from quorate_node.machine.group.state import ReplicatedGroup


@dataclass(frozen=True, slots=True)
class GroupCreated:
    """A fresh group took the place of `before`. Who has the private half of its key package joins by `request.welcome`."""

    request: GroupCreate
    before: ReplicatedGroup | None
    after: ReplicatedGroup


@dataclass(frozen=True, slots=True)
class GroupCommitted:
    """The next epoch of the group. `checked` goes to `open_commit`, after the membership tags of `commit` and `proposals`, which only
    members can check."""

    request: GroupCommit
    before: ReplicatedGroup
    after: ReplicatedGroup
    commit: PublicMessage
    proposals: tuple[PublicMessage, ...]
    checked: CheckedCommit


@dataclass(frozen=True, slots=True)
class GroupEntryRefused:
    """The entry at `index` failed the public checks and changed nothing. Who has prepared its epoch gives it up.

    What is too large or not to be read at all is a result too, and is not told here: no proposer's own check lets it into the log.
    """

    request: GroupCreate | GroupCommit
    index: int
    reason: Reason
    message: str


GroupEvent = GroupCreated | GroupCommitted | GroupEntryRefused
