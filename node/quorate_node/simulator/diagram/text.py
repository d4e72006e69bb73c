"""The picture as plain text: for a terminal, an issue, a diff. A column for each member, a line for each thing that happens."""

from __future__ import annotations

from quorate_node.simulator.diagram.recording import State
from quorate_node.simulator.diagram.rows import Picture, Row, next_state

COLUMN = 6
LANES = {State.DOWN: ".", State.FOLLOWER: "|", State.CANDIDATE: "?", State.LEADER: "#", State.PAUSED: ":"}
LEGEND = (
    "  ".join(f"{mark} {state}" for state, mark in LANES.items())
    + "  --> message that comes  ---x never comes  ! named by the counterexample"
)


def render(picture: Picture) -> str:
    states = dict(picture.states)
    before = dict(states)
    sources = {row.flight: (row.at_ns, row.lane) for row in picture.rows if row.flight >= 0 and not row.comes}
    arrived = {row.flight for row in picture.rows if row.comes}
    heads = "".join(f"{member:^{COLUMN}}" for member in picture.members)
    lines = [picture.title, "", LEGEND, "", f"{'ms':>12}  {heads}"]
    for row in picture.rows:
        if row.flight in arrived and not row.comes:
            continue  # One line a message: where it comes.
        if row.event is not None and row.lane:
            states[row.lane], before[row.lane] = next_state(row.event, states[row.lane], before[row.lane])
        lanes = [LANES[states[member]] for member in picture.members]
        mark = "!" if row.focus else " "
        lines.append(f"{row.at_ns / 1e6:12.3f}{mark} {_drawn(picture, lanes, row, sources)}  {_told(row, sources)}".rstrip())
    if picture.left_out:
        lines += ["", f"{picture.left_out} more events, messages and operations are not shown."]
    return "\n".join([*lines, "", *picture.notes]) + "\n"


def _drawn(picture: Picture, lanes: list[str], row: Row, sources: dict[int, tuple[int, str]]) -> str:
    """The lanes of one line, with the arrow or the mark of what happens over them."""
    cells = [f"{lane:^{COLUMN}}" for lane in lanes]
    drawn = list("".join(cells))
    middle = {member: number * COLUMN + (COLUMN - 1) // 2 for number, member in enumerate(picture.members)}
    if row.comes:
        source, target = middle[sources[row.flight][1]], middle[row.lane]
        low, high = sorted((source, target))
        for at in range(low + 1, high):
            drawn[at] = "-" if drawn[at] == " " else drawn[at]
        drawn[target - 1 if source < target else target + 1] = ">" if source < target else "<"
    elif row.flight >= 0:
        drawn[middle[row.lane] + 1 : middle[row.lane] + 4] = "--x"
    elif row.event is not None and row.lane:
        drawn[middle[row.lane]] = "o" if row.event.weight else "*"
    elif row.event is not None:
        drawn = ["=" if mark == " " else mark for mark in drawn]
    return "".join(drawn)


def _told(row: Row, sources: dict[int, tuple[int, str]]) -> str:
    if row.comes:
        sent_ns, source = sources[row.flight]
        return f"{source} -> {row.lane}: {row.text} ({(row.at_ns - sent_ns) / 1e6:.3f} ms under way)"
    lost = f" for {row.target}" if row.flight >= 0 else ""
    return f"{row.lane}: {row.text}{lost}" if row.lane else row.text
