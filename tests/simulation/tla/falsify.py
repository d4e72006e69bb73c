"""Traces made wrong on purpose, each in one event: a specification that accepts one of them proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Event = dict[str, Any]


def falsified(events: list[Event]) -> Iterator[tuple[str, list[Event]]]:
    """(what was done, the trace with it) for each way that this trace has room for."""
    ways: list[tuple[str, Callable[[Event], bool], Callable[[Event], None]]] = [
        ("a leader commits one entry more", lambda event: event["name"] == "Commit", _commit_more),
        ("a candidate enters another term", lambda event: event["name"] == "BecomeCandidate", _later_term),
        ("a refused vote is counted", _is_granted_vote, _turn_vote),
        ("an acknowledgement of one entry more", _is_acknowledgement, _acknowledge_more),
        ("a follower has one entry less", _is_append, _one_less),
    ]
    for name, fits, change in ways:
        places = [number for number, event in enumerate(events) if fits(event)]
        if places:
            copy = deepcopy(events)
            change(copy[places[len(places) // 2]])
            yield name, copy
    ready = [number for number, event in enumerate(events) if event["name"] == "Ready" and _is_needed(events, number)]
    if ready:
        middle = ready[len(ready) // 2]
        yield "a message arrives before it leaves", [*events[:middle], *events[middle + 1 :]]


def _is_needed(events: list[Event], ready: int) -> bool:
    """Whether a message that this Ready hands out, and none like it before, arrives before its sender is ready again."""
    sender = events[ready]["nid"]
    before = [event["msg"] for event in events[:ready] if event["name"].startswith("Send") and event["nid"] == sender]
    for event in events[ready + 1 :]:
        if event["name"] in ("Ready", "InitState") and event["nid"] == sender:
            return False
        if event["name"].startswith("Receive") and event["msg"]["from"] == sender and before.count(event["msg"]) == 1:
            handed_out = max(number for number in range(ready) if events[number].get("msg") == event["msg"])
            if not any(other["name"] == "Ready" and other["nid"] == sender for other in events[handed_out:ready]):
                return True
    return False


def _commit_more(event: Event) -> None:
    event["state"]["commit"] += 1


def _later_term(event: Event) -> None:
    event["state"]["term"] += 1


def _is_granted_vote(event: Event) -> bool:
    return event["name"] == "ReceiveRequestVoteResponse" and event["msg"]["from"] != event["nid"] and not event["msg"]["reject"]


def _turn_vote(event: Event) -> None:
    event["msg"]["reject"] = True


def _is_acknowledgement(event: Event) -> bool:
    return event["name"] == "ReceiveAppendEntriesResponse" and event["msg"]["from"] != event["nid"] and not event["msg"]["reject"]


def _acknowledge_more(event: Event) -> None:
    event["msg"]["index"] += 1


def _is_append(event: Event) -> bool:
    return event["name"] == "ReceiveAppendEntriesRequest" and event["log"] > 1


def _one_less(event: Event) -> None:
    event["log"] -= 1
