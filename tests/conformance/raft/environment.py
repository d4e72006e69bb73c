"""Members, their storage threads and the messages between them, as etcd's interaction tests drive them. Over our core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.message import MessageType, SnapshotMetadata
from quorate_node.protocol.raft import ProposalDropped, Raft, RaftConfig, TraceLevel, decode_change
from quorate_node.protocol.raft.outbox import acknowledge, storage_ack
from quorate_node.protocol.ready import HardState, Ready
from tests.conformance.raft import describe
from tests.conformance.raft.describe import APPEND_THREAD, APPLY_THREAD, AnyMessage, EtcdReady, StorageMessage
from tests.conformance.raft.memory_log import MemoryLog, StorageError

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE")
DROPPED = "raft proposal dropped"
_RESPONSES = (
    MessageType.APPEND_RESPONSE,
    MessageType.VOTE_RESPONSE,
    MessageType.PRE_VOTE_RESPONSE,
    MessageType.HEARTBEAT_RESPONSE,
    MessageType.READ_INDEX_RESPONSE,
)


class Output:
    """Collects what a directive prints; at level NONE nothing but errors."""

    def __init__(self) -> None:
        self.level = 0
        self._parts: list[str] = []

    def quiet(self) -> bool:
        return self.level == len(LEVELS) - 1

    def write(self, text: str) -> None:
        if not self.quiet():
            self._parts.append(text)

    def line(self, text: str) -> None:
        self.write(text + "\n")

    def trace(self, level: TraceLevel, text: str) -> None:
        if self.level <= level:
            self.line(f"{LEVELS[level]} {text}")

    def take(self) -> str:
        text = "".join(self._parts)
        self._parts = []
        return text

    def indented(self, work: Callable[[], None]) -> None:
        outer, self._parts = self._parts, []
        try:
            work()
        finally:
            inner = self.take()
            self._parts = outer + ["  " + line + "\n" for line in inner.split("\n")[: None if inner[-1:] != "\n" else -1] if inner]


@dataclass
class Node:
    raft: Raft
    log: MemoryLog
    config: RaftConfig
    asynchronous: bool
    previous: HardState
    append_work: list[StorageMessage] = field(default_factory=list)
    apply_work: list[StorageMessage] = field(default_factory=list)


class Environment:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.messages: list[AnyMessage] = []
        self.output = Output()

    def add_nodes(self, count: int, options: dict[str, object], start: SnapshotMetadata | None, asynchronous: bool) -> None:
        if start is not None and start.index <= 1:
            raise StorageError("index must be specified as > 1 due to bootstrap")
        for _ in range(count):
            member = len(self.nodes) + 1
            log = MemoryLog(start)
            config = RaftConfig(member_id=member, apply_unstable_entries=not asynchronous, **options)  # type: ignore[arg-type]
            raft = Raft(
                config,
                log,
                random_ticks=lambda low, high: high,
                applied=start.index if start is not None else 0,
                trace=self.output.trace,
            )
            self.nodes.append(Node(raft, log, config, asynchronous, raft.core.hard_state()))

    # Ready

    def has_ready(self, node: Node) -> bool:
        # Events are ours; etcd has none, so they make nothing ready here.
        node.raft.core.events.clear()
        return node.raft.has_ready()

    def process_ready(self, position: int) -> None:
        node = self.nodes[position]
        ready = node.raft.ready()
        node.raft.core.storage_acks.clear()
        shown = _etcd_ready(node, ready)
        self.output.write(describe.ready(shown))
        if node.asynchronous:
            for message in shown.messages:
                if message.to == APPEND_THREAD:
                    assert isinstance(message, StorageMessage)
                    node.append_work.append(message)
                elif message.to == APPLY_THREAD:
                    assert isinstance(message, StorageMessage)
                    node.apply_work.append(message)
                else:
                    self.messages.append(message)
            return
        ack = storage_ack(node.raft.core, ready.persist)
        _append(node, shown.hard_state, shown.entries, shown.snapshot)
        _apply(node, ready.committed)
        self.messages += shown.messages
        for message in ready.send_after_persist:
            if message.to == node.raft.id:
                node.raft.step(message)
        acknowledge(node.raft.core, ack)
        if ready.committed:
            node.raft.applied(ready.committed[-1].index)

    def process_append_thread(self, position: int) -> None:
        node = self.nodes[position]
        if not node.append_work:
            self.output.write("no append work to perform")
            return
        message = node.append_work.pop(0)
        responses, message.responses = message.responses, []
        self.output.line("Processing:")
        self.output.line(describe.message(message))
        state = HardState(message.term, message.vote, message.commit)
        _append(node, None if state == HardState() else state, list(message.entries), message.snapshot)
        self._respond(responses)

    def process_apply_thread(self, position: int) -> None:
        node = self.nodes[position]
        if not node.apply_work:
            self.output.write("no apply work to perform")
            return
        message = node.apply_work.pop(0)
        responses, message.responses = message.responses, []
        self.output.line("Processing:")
        self.output.line(describe.message(message))
        _apply(node, list(message.entries))
        self._respond(responses)

    def _respond(self, responses: list[AnyMessage]) -> None:
        self.output.line("Responses:")
        for response in responses:
            self.output.line(describe.message(response))
        self.messages += responses

    # Messages

    def split(self, to: int, name: str | None, drop: bool) -> tuple[list[AnyMessage], list[AnyMessage]]:
        """(messages for `to`, the others). Local messages are reliable: they are never dropped."""
        chosen: list[AnyMessage] = []
        rest: list[AnyMessage] = []
        for message in self.messages:
            local = message.sender == message.to or message.sender < 0 or message.to < 0
            wanted = message.to == to and not (drop and local) and name in (None, describe.name(message))
            (chosen if wanted else rest).append(message)
        return chosen, rest

    def deliver(self, recipients: list[tuple[int, bool]], name: str | None = None) -> int:
        count = 0
        for to, drop in recipients:
            chosen, self.messages = self.split(to, name, drop)
            count += len(chosen)
            for message in chosen:
                self.output.line(("dropped: " if drop else "") + describe.message(message))
                if not drop:
                    self._step(self.nodes[to - 1], message)
        return count

    def _step(self, node: Node, message: AnyMessage) -> None:
        raft = node.raft
        if isinstance(message, StorageMessage):
            if message.ack is not None:
                acknowledge(raft.core, message.ack)
            else:
                raft.applied(message.entries[-1].index)
            return
        if message.type in _RESPONSES and message.sender not in raft.core.tracker.progress:
            self.output.line("raft: cannot step as peer not found")
            return
        try:
            raft.step(message)
        except ProposalDropped:
            self.output.line(DROPPED)

    def stabilize(self, positions: list[int]) -> None:
        """Handle Readys and deliver messages among the given members until nothing moves."""
        moved = True
        while moved:
            moved = False
            for position in positions:
                if self.has_ready(self.nodes[position]):
                    self.output.line(f"> {position + 1} handling Ready")
                    self.output.indented(lambda at=position: self.process_ready(at))  # type: ignore[misc]
                    moved = True
            for position in positions:
                if self.split(position + 1, None, False)[0]:
                    self.output.line(f"> {position + 1} receiving messages")
                    self.output.indented(lambda at=position: self.deliver([(at + 1, False)]) and None)  # type: ignore[misc]
                    moved = True
            moved = self._storage_threads(positions) or moved

    def _storage_threads(self, positions: list[int]) -> bool:
        moved = False
        for thread, process in (("append", self.process_append_thread), ("apply", self.process_apply_thread)):
            for position in positions:
                work = getattr(self.nodes[position], f"{thread}_work")
                if work:
                    self.output.line(f"> {position + 1} processing {thread} thread")
                    moved = True
                while work:
                    self.output.indented(lambda at=position, run=process: run(at))  # type: ignore[misc]
        return moved


def _etcd_ready(node: Node, ready: Ready) -> EtcdReady:
    persist = ready.persist
    state = persist.hard_state if persist is not None else None
    entries = persist.entries if persist is not None else []
    must_sync = bool(entries)
    if state is not None:
        must_sync = must_sync or state.term != node.previous.term or state.vote != node.previous.vote
        node.previous = state
    messages: list[AnyMessage] = list(ready.send_now)
    if not node.asynchronous:
        messages += [message for message in ready.send_after_persist if message.to != node.raft.id]
    else:
        if persist is not None or ready.send_after_persist:
            messages.append(_storage_append(node, ready, state, entries))
        if ready.committed:
            response = StorageMessage("MsgStorageApplyResp", APPLY_THREAD, node.raft.id, entries=ready.committed)
            messages.append(
                StorageMessage(
                    "MsgStorageApply", node.raft.id, APPLY_THREAD, entries=ready.committed, responses=[response]
                )
            )
    return EtcdReady(ready.soft_state, state, ready.reads, entries, ready.install, ready.committed, messages, must_sync)


def _storage_append(node: Node, ready: Ready, state: HardState | None, entries: list[Entry]) -> StorageMessage:
    core = node.raft.core
    message = StorageMessage("MsgStorageAppend", core.id, APPEND_THREAD, entries=entries, snapshot=ready.install)
    if state is not None:
        message.term, message.vote, message.commit = state.term, state.vote, state.commit
    message.responses = list(ready.send_after_persist)
    if core.log.unstable.entries or ready.install is not None:
        ack = storage_ack(core, ready.persist)
        message.responses.append(
            StorageMessage(
                "MsgStorageAppendResp",
                APPEND_THREAD,
                core.id,
                term=ack.term,
                log_term=ack.log_term,
                index=ack.last_index,
                snapshot=ready.install,
                ack=ack,
            )
        )
    return message


def _append(node: Node, state: HardState | None, entries: list[Entry], snapshot: SnapshotMetadata | None) -> None:
    if state is not None:
        node.log.set_hard_state(state)
    if snapshot is not None:
        if entries:
            raise StorageError("can't apply snapshot and entries at the same time")
        node.log.apply_snapshot(snapshot)
        return
    node.log.append(entries)


def _apply(node: Node, entries: list[Entry]) -> None:
    for entry in entries:
        configuration = node.log.history[-1].configuration
        if entry.type != EntryType.NORMAL:
            configuration = node.raft.apply_membership(decode_change(entry.data))
        node.log.history.append(SnapshotMetadata(entry.index, entry.term, configuration))
