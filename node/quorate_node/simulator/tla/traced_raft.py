"""A member's Raft that tells what it does, event by event, in the order in which the specification can follow it.

Where the events stand: `Ready` of a leader or candidate when its messages leave, of a follower when its writes are durable, because
only then does it answer. A message that a member ignores is one that was lost: the specification would have handled it. What the
specification cannot follow (joint changes, writes that a crash has cut off) ends the trace, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import ChangeKind, Configuration, MembershipChange
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import Raft, decode_change
from quorate_node.protocol.ready import Persist, Ready, Role
from quorate_node.simulator.tla.trace_file import MESSAGES, ROLES, Durable, TraceFile, told

ACTIONS = {ChangeKind.ADD_VOTER: "AddNewServer", ChangeKind.ADD_LEARNER: "AddLearner", ChangeKind.REMOVE: "RemoveServer"}
PAGE_BYTES = 1 << 20
SAID_BY_STATE = frozenset({MessageType.VOTE, MessageType.APPEND, MessageType.HEARTBEAT, MessageType.SNAPSHOT})
"""Requests: whether one was handled at all is seen by its answer."""


class TracedRaft(Raft):
    __slots__ = (
        "_applied_change", "_change_indexes", "_changed", "_commit_floor", "_file", "_held", "_known_commit", "_known_last", "_old_term",
        "_receiving", "_voters",
    )  # fmt: skip

    def __init__(self, *args: Any, file: TraceFile, **options: Any) -> None:
        super().__init__(*args, **options)
        core = self._core
        self._file = file
        self._held: list[dict[str, Any]] | None = None
        self._receiving = False
        self._old_term = False
        self._changed = False
        self._commit_floor = 0
        self._known_last = core.log.last_index
        self._applied_change = self.applied_index
        self._change_indexes: set[int] = set()
        """Where changes of membership were seen in the log. Asked for one by one, never iterated."""
        self._note_changes(self._stored())
        self._voters = tuple(self.configuration.voters)
        self._begin()
        self._known_commit = self._commit
        self._listen()

    def _begin(self) -> None:
        """A first start is the specification's beginning; a later one finds what was last durable."""
        before = self._file.durable.get(self.id)
        if before is None:
            self._note_durable()
        else:
            if (self.term, self.vote, self.last_index) != (before.term, before.vote, before.last_index):
                self._file.stop(f"member {self.id} came back without what it was writing: the specification writes at once")
            elif self.commit_index > before.commit:
                self._file.stop(f"member {self.id} came back knowing more to be committed than it had said")
            # What it knew to be committed it will know again; the specification never forgets it.
            self._commit_floor = before.commit
            self._voters = before.voters
        self._tell("InitState")

    @property
    def _commit(self) -> int:
        return max(self.commit_index, self._commit_floor)

    def _note_durable(self) -> None:
        self._file.durable[self.id] = Durable(self.term, self.vote, self.last_index, self._commit, self._voters)

    # -- telling --------------------------------------------------------------------------------------------------------

    def _event(self, name: str, message: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
        event: dict[str, Any] = {
            "name": name,
            "nid": str(self.id),
            "state": {"term": self.term, "vote": str(self.vote), "commit": self._commit},
            "role": ROLES[self.role],
            "log": self.last_index,
            "conf": self._conf(),
        }
        if message is not None:
            event["msg"] = message
        if properties:
            event["prop"] = properties
        return event

    def _conf(self) -> list[list[str]]:
        return [[str(voter) for voter in self._voters], []]

    def _write(self, event: dict[str, Any]) -> None:
        if self._held is not None:
            self._held.append(event)
        else:
            self._file.write(event)

    def _tell(self, name: str, message: dict[str, Any] | None = None, **properties: Any) -> None:
        self._changed = True
        self._write(self._event(name, message, **properties))

    def _tell_commit(self) -> None:
        """A leader's commit index moved; a follower's moves with the message that says so."""
        if self.role is Role.LEADER and self.commit_index > self._known_commit:
            self._tell("Commit")
        self._known_commit = self.commit_index

    def _tell_ready(self) -> None:
        if self._changed:
            self._write(self._event("Ready"))
            self._changed = False
            self._note_durable()

    # -- listening ------------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """The rules call these of the core; they are told of in passing."""
        core = self._core
        send, follow = core.send, core.become_follower
        stand, ask, lead = core.become_candidate, core.become_pre_candidate, core.become_leader

        def sent(message: Message) -> None:
            self._tell_commit()
            if message.type == MessageType.APPEND_RESPONSE and message.to == self.id:
                self._tell_appended()
            send(message)
            self._tell_sent(message)

        def followed(term: int, leader: int) -> None:
            self._tell_commit()
            before = ROLES[self.role], self.term
            follow(term, leader)
            if term != before[1] and not self._receiving:
                self._file.stop(f"member {self.id} took term {term} from a message that the specification does not have")
            if before != ("StateFollower", term):
                self._tell("BecomeFollower")

        def stood() -> None:
            stand()
            self._tell("BecomeCandidate")

        def asked() -> None:
            stood_before = self.role is Role.CANDIDATE
            ask()
            if stood_before:
                self._tell("BecomeFollower")

        def led() -> None:
            lead()
            self._known_last = self.last_index
            self._tell("BecomeLeader")

        core.send, core.become_follower = sent, followed  # type: ignore[method-assign]
        core.become_candidate, core.become_pre_candidate, core.become_leader = stood, asked, led  # type: ignore[method-assign]

    def _note_changes(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.type == EntryType.MEMBERSHIP or entry.type == EntryType.MEMBERSHIP_SIMPLE:
                self._change_indexes.add(entry.index)
            else:
                self._change_indexes.discard(entry.index)

    def _tell_appended(self) -> None:
        """A leader's new entries, one event each."""
        entries = [entry for entry in self._core.log.unstable.entries if entry.index > self._known_last]
        self._note_changes(entries)
        for entry in entries:
            if entry.type == EntryType.NORMAL:
                self._tell("Replicate")
            else:
                self._tell_change(decode_change(entry.data))
        self._known_last = self.last_index

    def _tell_change(self, change: MembershipChange) -> None:
        actions = [ACTIONS.get(single.kind, "") for single in change.changes]
        if len(actions) != 1 or not actions[0]:
            self._file.stop(f"member {self.id} proposes {change}: the specification changes one server at a time, and knows no witnesses")
            return
        self._tell("ChangeConf", cc={"changes": [{"nid": str(change.changes[0].member_id), "action": actions[0]}]})

    def _tell_sent(self, message: Message) -> None:
        name = MESSAGES.get(MessageType(message.type))
        if name is None:
            return
        progress = self._core.tracker.progress.get(message.to)
        known = {"match": progress.match, "next": progress.next} if message.type == MessageType.APPEND and progress is not None else {}
        # Whoever is ahead in term answers an old leader with nothing but its term; the specification refuses.
        self._tell(f"Send{name}", told(message, reject=message.reject or self._old_term), **known)

    def _stored(self) -> Iterator[Entry]:
        """What is not yet applied of the log that this life began with."""
        low = self.applied_index + 1
        while low <= self.last_index:
            page = self._core.log.slice(low, self.last_index + 1, PAGE_BYTES)
            if not page:
                self._file.stop(f"member {self.id} cannot read its entry {low}")
                return
            yield from page
            low += len(page)

    # -- inputs and outputs ---------------------------------------------------------------------------------------------

    def step(self, message: Message, now_ms: int = 0) -> None:
        name = MESSAGES.get(MessageType(message.type))
        if name is None or message.type == MessageType.HEARTBEAT_RESPONSE:
            # A follower answers heartbeats while what it has to write is under way; to the specification that answer says nothing.
            super().step(message, now_ms)
            self._tell_commit()
            return
        only_a_term = message.type == MessageType.APPEND_RESPONSE and not message.index and message.term > self.term
        received = self._event(f"Receive{name}", told(message, reject=message.reject or only_a_term))
        ignored = message.type not in SAID_BY_STATE and self._is_strange(message)
        self._note_changes(message.entries)
        with self._hold(message) as nested:
            super().step(message, now_ms)
            self._tell_commit()
        if not ignored and (message.type not in SAID_BY_STATE or any(event["name"].startswith("Send") for event in nested)):
            self._changed = True
            self._write(received)
        for event in nested:
            self._write(event)

    def _is_strange(self, message: Message) -> bool:
        """An answer of somebody who is no member: nothing comes of it."""
        return message.sender != self.id and message.sender not in self._core.tracker.progress

    @contextmanager
    def _hold(self, message: Message | None) -> Iterator[list[dict[str, Any]]]:
        """What is told meanwhile comes after its cause, which is written when it is clear what came of it."""
        nested: list[dict[str, Any]] = []
        self._held, self._receiving = nested, message is not None
        self._old_term = message is not None and message.term < self.term
        try:
            yield nested
        finally:
            self._held, self._receiving, self._old_term = None, False, False

    def ready(self) -> Ready:
        result = super().ready()
        self._tell_commit()
        at_once = result.persist is None and result.send_after_persist
        if self.role in (Role.LEADER, Role.CANDIDATE) or at_once:
            self._tell_ready()
        return result

    def persisted(self, persist: Persist, now_ms: int = 0) -> None:
        super().persisted(persist, now_ms)
        self._tell_commit()
        self._tell_ready()

    def apply_membership(self, change: MembershipChange) -> Configuration:
        waiting = [index for index in range(self._applied_change + 1, self.commit_index + 1) if index in self._change_indexes]
        with self._hold(None) as nested:
            configuration = super().apply_membership(change)
        self._applied_change = waiting[0] if waiting else self._applied_change
        if configuration.voters_outgoing:
            self._file.stop(f"member {self.id} enters a joint configuration: the specification changes one server at a time")
        if len(waiting) <= 1:
            # The specification takes the last committed change at once; those before it are skipped.
            self._tell("ApplyConfChange", cc={"newconf": [str(voter) for voter in configuration.voters]})
            self._voters = tuple(configuration.voters)
        for event in nested:
            self._write(event | {"conf": self._conf()})
        return configuration
