"""A seed's run as a trace for etcd's specification: the world without what the specification does not have, and one file."""

from __future__ import annotations

from pathlib import Path

import msgspec

from quorate_node.simulator.case import Case
from quorate_node.simulator.features import change, switched_on
from quorate_node.simulator.run import Result
from quorate_node.simulator.tla.trace_file import TraceFile
from quorate_node.simulator.world import World

BEYOND = ("duplication", "damage", "wipe", "witness")
"""What the specification of traces cannot follow: messages that come twice, and logs that change outside of the protocol."""
SETTINGS = ("pre_vote=false", "log_keep_entries=1000000", "compact_every_entries=1000000")
"""Without the messages that it does not have, and with logs that need no snapshot: its receiver of one takes nothing but a first one."""
EVENTS_MIN = 100
"""The specification shows its progress in hundredths of the trace, and divides by zero for a shorter one."""


class Traced(msgspec.Struct, frozen=True):
    result: Result
    events: int
    stopped: str
    """Why the trace ends before the run does; empty when it does not."""


def inside(case: Case) -> Case:
    """The case without what the specification does not have."""
    beyond = tuple(word for word in BEYOND if word in switched_on(case.world))
    return msgspec.structs.replace(case, options=change(case.options, SETTINGS), left_out=(*case.left_out, *beyond))


def write_trace(case: Case, path: Path) -> Traced:
    """Run `inside(case)`, and leave its events in `path`, a line of JSON each. Raises `OSError`."""
    case = inside(case)
    with path.open("w", encoding="utf-8") as lines:
        file = TraceFile(lines)
        outcome = World(case.world, reductions=case.reductions, tla=file).run()
    violated = (outcome.broken,) if outcome.broken else ()
    return Traced(Result(outcome, case, 0, 0.0, violated), file.count, file.stopped)
