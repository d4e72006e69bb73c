"""etcd's text forms of messages, entries, snapshots and Ready, over our types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import ChangeKind, Configuration, SingleChange
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.protocol.raft import decode_change
from quorate_node.protocol.raft.dispatch import ROLE_NAMES
from quorate_node.protocol.raft.storage_ack import StorageAck
from quorate_node.protocol.raft.trace import TRACE_NAMES
from quorate_node.protocol.ready import HardState, ReadState, SoftState

APPEND_THREAD = -1
APPLY_THREAD = -2
_ENTRY_NAMES = {
    EntryType.NORMAL: "EntryNormal",
    EntryType.MEMBERSHIP_SIMPLE: "EntryConfChange",
    EntryType.MEMBERSHIP: "EntryConfChangeV2",
}
_CHANGE_LETTERS = {
    ChangeKind.ADD_VOTER: "v",
    ChangeKind.ADD_LEARNER: "l",
    ChangeKind.REMOVE: "r",
    ChangeKind.UPDATE: "u",
}
_ESCAPES = {0x07: "\\a", 0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}


@dataclass
class StorageMessage:
    """What etcd sends between a member and its storage threads; ours is `Persist`, `persisted` and `applied`."""

    name: str
    sender: int
    to: int
    term: int = 0
    log_term: int = 0
    index: int = 0
    commit: int = 0
    vote: int = 0
    entries: Sequence[Entry] = ()
    snapshot: SnapshotMetadata | None = None
    responses: list[AnyMessage] = field(default_factory=list)
    ack: StorageAck | None = None


AnyMessage = Message | StorageMessage


def quoted(data: bytes) -> str:
    """Go's %q of a byte string."""
    parts = []
    for character in data.decode("utf-8", "surrogateescape"):
        code = ord(character)
        if code in _ESCAPES:
            parts.append(_ESCAPES[code])
        elif 0xDC80 <= code <= 0xDCFF:
            parts.append(f"\\x{code - 0xDC00:02x}")
        elif character.isprintable():
            parts.append(character)
        else:
            parts.append(f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}")
    return '"' + "".join(parts) + '"'


def changes(singles: Sequence[SingleChange]) -> str:
    return " ".join(f"{_CHANGE_LETTERS[single.kind]}{single.member_id}" for single in singles)


def entry(item: Entry) -> str:
    text = quoted(item.data) if item.type == EntryType.NORMAL else changes(decode_change(item.data).changes)
    return f"{item.term}/{item.index} {_ENTRY_NAMES[EntryType(item.type)]}" + (f" {text}" if text else "")


def entries(items: Sequence[Entry]) -> str:
    return "".join(entry(item) + "\n" for item in items)


def _ids(members: Sequence[int]) -> str:
    return "[" + " ".join(map(str, members)) + "]"


def configuration(state: Configuration) -> str:
    return (
        f"Voters:{_ids(state.voters)} VotersOutgoing:{_ids(state.voters_outgoing)} Learners:{_ids(state.learners)} "
        f"LearnersNext:{_ids(state.learners_next)} AutoLeave:{str(state.auto_leave).lower()}"
    )


def snapshot(metadata: SnapshotMetadata) -> str:
    return f"Index:{metadata.index} Term:{metadata.term} ConfState:{configuration(metadata.configuration)}"


def target(member: int) -> str:
    return {0: "None", APPEND_THREAD: "AppendThread", APPLY_THREAD: "ApplyThread"}.get(member, f"{member:x}")


def name(item: AnyMessage) -> str:
    return item.name if isinstance(item, StorageMessage) else TRACE_NAMES[item.type]


def message(item: AnyMessage, indent: str = "") -> str:
    sender, index = item.sender, item.index
    if isinstance(item, Message) and item.type == MessageType.TRANSFER_LEADER:
        # etcd writes the member that is to lead into From.
        sender, index = index, 0
    text = f"{indent}{target(sender)}->{target(item.to)} {name(item)} Term:{item.term} Log:{item.log_term}/{index}"
    if isinstance(item, Message) and item.reject:
        text += f" Rejected (Hint: {item.reject_hint})"
    if item.commit:
        text += f" Commit:{item.commit}"
    if item.vote:
        text += f" Vote:{item.vote}"
    if len(item.entries) == 1:
        text += f" Entries:[{entry(item.entries[0])}]"
    elif item.entries:
        text += " Entries:[" + "".join(f"\n{indent}  {entry(one)}" for one in item.entries) + f"\n{indent}]"
    if item.snapshot is not None and item.snapshot.index:
        text += f"\n{indent}  Snapshot: {snapshot(item.snapshot)}"
    if isinstance(item, StorageMessage) and item.responses:
        text += " Responses:[" + "".join("\n" + message(one, indent + "  ") for one in item.responses) + f"\n{indent}]"
    return text


def hard_state(state: HardState) -> str:
    return f"Term:{state.term}" + (f" Vote:{state.vote}" if state.vote else "") + f" Commit:{state.commit}"


@dataclass
class EtcdReady:
    """A Ready in etcd's shape, made of ours."""

    soft_state: SoftState | None
    hard_state: HardState | None
    reads: list[ReadState]
    entries: list[Entry]
    snapshot: SnapshotMetadata | None
    committed: list[Entry]
    messages: list[AnyMessage]
    must_sync: bool


def ready(item: EtcdReady) -> str:
    text = ""
    if item.soft_state is not None:
        text += f"Lead:{item.soft_state.leader} State:{ROLE_NAMES[item.soft_state.role]}\n"
    if item.hard_state is not None:
        text += f"HardState {hard_state(item.hard_state)}\n"
    if item.reads:
        states = " ".join(f"{{{read.index} [{' '.join(map(str, read.context))}]}}" for read in item.reads)
        text += f"ReadStates [{states}]\n"
    if item.entries:
        text += "Entries:\n" + entries(item.entries)
    if item.snapshot is not None:
        text += f"Snapshot {snapshot(item.snapshot)}\n"
    if item.committed:
        text += "CommittedEntries:\n" + entries(item.committed)
    if item.messages:
        text += "Messages:\n" + "".join(message(one) + "\n" for one in item.messages)
    return f"Ready MustSync={str(item.must_sync).lower()}:\n{text}" if text else "<empty Ready>"
