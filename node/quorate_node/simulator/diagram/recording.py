"""Everything that happens in one run, as it happens, for a picture of it. Only made when a picture is wanted; the run is the same one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from quorate_node.protocol.message import Message, MessageType

MEMBER = re.compile(r"m\d+")
_URL = re.compile(r"sim://(m\d+)")


class State(StrEnum):
    """Of a member, as its lane shows it."""

    DOWN = "down"
    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"
    PAUSED = "paused"


STATES = {"kill": State.DOWN, "power lost": State.DOWN, "ended": State.DOWN, "start": State.FOLLOWER, "pause": State.PAUSED}
ROLES = {"LEADER": State.LEADER, "CANDIDATE": State.CANDIDATE, "PRE_CANDIDATE": State.CANDIDATE}
UNSEEN = frozenset({"message", "done", "disk"})
"""Shown by other means: flights and operations."""
ORDINARY = {"applied": 1, "formed": 1, "durable": 2}
"""How far from worth a row; every event that is not here is a fault, a life or a role, and always is."""
WEIGHTS = {MessageType.HEARTBEAT: 2, MessageType.HEARTBEAT_RESPONSE: 2, MessageType.READ_INDEX: 2, MessageType.READ_INDEX_RESPONSE: 2}


class Event(msgspec.Struct, frozen=True):
    at_ns: int
    lane: str
    """A member's; empty: it is everybody's."""
    what: str
    text: str
    weight: int
    state: State | None = None
    """What the member is from here on; `None` after a pause: what it was before."""


class Flight(msgspec.Struct):
    """One frame from member to member, and when it came: never, once, or twice."""

    sent_ns: int
    source: str
    target: str
    text: str
    weight: int
    received_ns: list[int]


class Recording:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.flights: list[Flight] = []

    def event(self, at_ns: int, what: str, details: Sequence[object]) -> None:
        if what in UNSEEN:
            return
        lane = str(details[0]) if details and MEMBER.fullmatch(str(details[0])) else ""
        rest = [_shown(detail) for detail in (details[1:] if lane else details)]
        state = STATES.get(what)
        text = " ".join([what, *rest])
        if what == "role":
            state = ROLES.get(str(details[1]), State.FOLLOWER)
            text = f"{state}, term {details[2]}"
        elif what == "applied":
            text = f"applied {details[1]}"
        elif what == "durable":
            text = "synced"
        elif what == "start":
            text = f"starts, life {details[1]}"
        elif what == "partition":
            text = f"{rest[0]} is cut off from {rest[1]}" + (", both ways" if details[2] else ", which do not hear it")
        elif what == "BROKEN":
            text = f"BROKEN: {details[0]}"
        self.events.append(Event(at_ns, lane, what, text, ORDINARY.get(what, 0), state))

    def sent(self, at_ns: int, source: str, target: str, messages: Sequence[Message]) -> int:
        """Returns the number by which `received` knows it."""
        weight = min(2 if _is_empty(message) else WEIGHTS.get(MessageType(message.type), 1) for message in messages)
        text = "; ".join(describe(message) for message in messages[:3]) + ("; ..." if len(messages) > 3 else "")
        self.flights.append(Flight(at_ns, _shown(source), _shown(target), text, weight, []))
        return len(self.flights) - 1

    def received(self, at_ns: int, number: int) -> None:
        self.flights[number].received_ns.append(at_ns)


def _shown(detail: object) -> str:
    """Names of machines for their addresses, and no brackets."""
    if isinstance(detail, list | tuple):
        return "+".join(map(_shown, detail))
    return _URL.sub(r"\1", str(detail))


def _is_empty(message: Message) -> bool:
    return message.type == MessageType.APPEND and not message.entries


def describe(message: Message) -> str:
    """In a few words: what, of which term, about which entries."""
    kind, term, index = MessageType(message.type), message.term, message.index
    refusal = "no, " if message.reject else ""
    if kind is MessageType.APPEND:
        last = index + len(message.entries)
        what = "nothing" if not message.entries else f"{last}" if last == index + 1 else f"{index + 1}..{last}"
        return f"append {what} t{term} c{message.commit}"
    if kind is MessageType.APPEND_RESPONSE:
        return f"{refusal}has {message.reject_hint if message.reject else index} t{term}"
    if kind in (MessageType.VOTE, MessageType.PRE_VOTE):
        return f"{'pre-vote' if kind is MessageType.PRE_VOTE else 'vote'}? t{term} log {index}/t{message.log_term}"
    if kind in (MessageType.VOTE_RESPONSE, MessageType.PRE_VOTE_RESPONSE):
        return f"{'pre-vote' if kind is MessageType.PRE_VOTE_RESPONSE else 'vote'}: {'no' if message.reject else 'yes'} t{term}"
    if kind is MessageType.HEARTBEAT:
        return f"heartbeat t{term} c{message.commit}"
    return f"{refusal}{kind.name.lower().replace('_', ' ')} t{term}"
