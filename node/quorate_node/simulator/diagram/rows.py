"""Which of all that happened is worth a row: the neighbourhood of the counterexample, important things first, in order of time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from quorate_node.simulator.checkers import wording
from quorate_node.simulator.diagram.recording import Event, Flight, Recording, State
from quorate_node.simulator.history import NEVER_NS, Operation

ROWS_MAX = 200
BEFORE_NS = 500_000_000
"""What led to a counterexample is looked for so long before it."""
AFTER_NS = 20_000_000
ROUTINE = 2
"""The weight of heartbeats and the like: they take a fifth of the rows at most."""
_NAMED = re.compile(r"#(\d+) client")
"""How counterexamples name operations (`checkers.wording`)."""


class Row(msgspec.Struct):
    at_ns: int
    order: int
    """Among rows of one moment: as they were recorded, ends after beginnings."""
    lane: str
    text: str
    event: Event | None = None
    flight: int = -1
    """Number of the message that leaves or comes in this row."""
    comes: bool = False
    target: str = ""
    """Of a message: who it is for."""
    operation: int = -1
    ends: bool = False
    focus: bool = False


class Picture(msgspec.Struct):
    """All that is drawn, and nothing about how."""

    title: str
    notes: list[str]
    """Below the picture: the counterexample, and the line that repeats the run."""
    members: list[str]
    clients: list[str]
    states: dict[str, State]
    """Of each member where the picture begins."""
    rows: list[Row]
    left_out: int
    """Events, messages and operations that are not shown."""


class _Candidate(msgspec.Struct):
    weight: int
    rank: int
    distance_ns: int
    number: int
    rows: list[Row]


def choose(
    title: str,
    notes: Sequence[str],
    recording: Recording,
    operations: Sequence[Operation],
    evidence: str,
    end_ns: int,
    rows_max: int = ROWS_MAX,
) -> Picture:
    focus = {int(number) for number in _NAMED.findall(evidence)}
    named = [operation for operation in operations if operation.number in focus]
    ends = [operation.completed_ns for operation in named if operation.completed_ns != NEVER_NS]
    low_ns = min((operation.invoked_ns for operation in named), default=end_ns)
    high_ns = max((*ends, low_ns))
    candidates: list[_Candidate] = []

    def offer(weight: int, rows: list[Row]) -> None:
        begin_ns, last_ns = rows[0].at_ns, rows[-1].at_ns
        inside = begin_ns <= high_ns + AFTER_NS and last_ns >= low_ns - BEFORE_NS
        distance_ns = max(0, begin_ns - high_ns, low_ns - last_ns)
        candidates.append(_Candidate(weight, weight + 3 * (not inside), distance_ns, len(candidates), rows))

    for event in recording.events:
        offer(event.weight, [Row(event.at_ns, 0, event.lane, event.text, event=event, focus=event.what == "BROKEN")])
    for number, flight in enumerate(recording.flights):
        offer(flight.weight, _flight_rows(number, flight))
    for operation in operations:
        offer(0 if operation.number in focus else 1, _operation_rows(operation, operation.number in focus))
    rows, shown = _fill(candidates, rows_max)
    members = sorted({event.lane for event in recording.events if event.lane}, key=lambda name: int(name[1:]))
    clients = sorted({row.lane for row in rows if row.operation >= 0}, key=lambda name: int(name.split()[1]))
    begin_ns = rows[0].at_ns if rows else 0
    states = {member: _state_at(recording.events, member, begin_ns) for member in members}
    return Picture(title, list(notes), members, clients, states, rows, len(candidates) - shown)


def _fill(candidates: list[_Candidate], rows_max: int) -> tuple[list[Row], int]:
    """The best of them, as many as there is room for, in order of time. Returns how many with them."""
    rows: list[Row] = []
    shown = 0
    routine_max = rows_max // 5
    for candidate in sorted(candidates, key=lambda one: (one.rank, one.distance_ns, one.number)):
        if len(rows) + len(candidate.rows) > rows_max:
            break
        if candidate.weight == ROUTINE:
            routine_max -= len(candidate.rows)
            if routine_max < 0:
                continue
        shown += 1
        for row in candidate.rows:
            row.order = candidate.number
            rows.append(row)
    rows.sort(key=lambda row: (row.at_ns, row.comes or row.ends, row.order))
    return rows, shown


def _flight_rows(number: int, flight: Flight) -> list[Row]:
    sent = Row(flight.sent_ns, 0, flight.source, flight.text, flight=number, target=flight.target)
    return [sent, *(Row(at_ns, 0, flight.target, flight.text, flight=number, comes=True) for at_ns in flight.received_ns)]


def _operation_rows(operation: Operation, focus: bool) -> list[Row]:
    lane = f"client {operation.client}"
    asked = wording.request(operation.request)
    begin = Row(operation.invoked_ns, 0, lane, f"#{operation.number} {asked}", operation=operation.number, focus=focus)
    if operation.completed_ns == NEVER_NS:
        begin.text += " -> unknown"
        return [begin]
    outcome = f"{operation.outcome}, revision {operation.revision}" if operation.revision else operation.error or str(operation.outcome)
    told = f"#{operation.number} {outcome} ({operation.member.partition('.')[0]})"
    return [begin, Row(operation.completed_ns, 0, lane, told, operation=operation.number, ends=True, focus=focus)]


def _state_at(events: Sequence[Event], member: str, at_ns: int) -> State:
    state = State.DOWN
    before = state
    for event in events:
        if event.lane == member and event.at_ns < at_ns:
            state, before = next_state(event, state, before)
    return state


def next_state(event: Event, state: State, before: State) -> tuple[State, State]:
    """(what a member is after this event, what it will be when it is resumed)."""
    if event.what == "resume":
        return (before if state is State.PAUSED else state), before
    if event.state is None:
        return state, before
    if event.state is State.PAUSED:
        return event.state, state
    return event.state, event.state
