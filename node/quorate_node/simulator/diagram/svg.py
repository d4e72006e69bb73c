"""The picture as SVG, written by hand: no library, and readable in any browser. Time runs downwards, a row for each thing that happens."""

from __future__ import annotations

from html import escape
from textwrap import wrap

from quorate_node.simulator.diagram.recording import State
from quorate_node.simulator.diagram.rows import Picture, Row, next_state

ROW = 18
HEAD = 84
TIME_WIDTH = 96
MEMBER_WIDTH = 190
CLIENT_WIDTH = 270
NOTE_COLUMNS = 170
FOCUS, MESSAGE, LOST = "#c62828", "#546e7a", "#e08030"
LANES = {
    State.DOWN: ("#bdbdbd", 2, "2 5"),
    State.FOLLOWER: ("#64b5f6", 4, ""),
    State.CANDIDATE: ("#ffb300", 6, ""),
    State.LEADER: ("#0d47a1", 8, ""),
    State.PAUSED: ("#8e24aa", 6, "3 3"),
}
"""state -> colour, width, dashes."""


def render(picture: Picture) -> str:
    return _Drawing(picture).whole()


class _Drawing:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.notes = [line for note in picture.notes for line in _wrap(note)]
        self.bottom = HEAD + ROW * (len(picture.rows) + 1)
        lanes = [*picture.members, *picture.clients]
        widths = [MEMBER_WIDTH] * len(picture.members) + [CLIENT_WIDTH] * len(picture.clients)
        self.x = {lane: TIME_WIDTH + 30 + sum(widths[:number]) for number, lane in enumerate(lanes)}
        self.width = max(TIME_WIDTH + sum(widths) + 60, 1_160)
        self.height = self.bottom + 30 + 16 * (len(self.notes) + 3)
        self.parts: list[str] = []

    def whole(self) -> str:
        self._head()
        self._lanes()
        for number, row in enumerate(self.picture.rows):
            self._row(HEAD + ROW * (number + 1), row)
        self._flights()
        self._operations()
        self._foot()
        style = "text{font:11px sans-serif;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}"
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{style}</style>\n<rect width="100%" height="100%" fill="#fff"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )

    # -- pieces ---------------------------------------------------------------------------------------------------------

    def _text(self, x: float, y: float, text: str, *, fill: str = "#222", anchor: str = "start", bold: bool = False) -> None:
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" fill="{fill}" text-anchor="{anchor}"{weight}>{escape(text)}</text>')

    def _line(self, begin: tuple[float, float], end: tuple[float, float], colour: str, width: float = 1, dashes: str = "") -> None:
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        (x1, y1), (x2, y2) = begin, end
        self.parts.append(f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}" stroke-width="{width:g}"{dashed}/>')

    def _head(self) -> None:
        self._text(12, 22, self.picture.title, bold=True)
        x = 12.0
        for state, (colour, width, dashes) in LANES.items():
            self._line((x, 42), (x + 24, 42), colour, width, dashes)
            self._text(x + 30, 46, state)
            x += 110
        for colour, text in ((MESSAGE, "message"), (LOST, "message that never came"), (FOCUS, "what the counterexample names")):
            self._line((x, 42), (x + 24, 42), colour, 2)
            self._text(x + 30, 46, text)
            x += 60 + 6 * len(text)
        for lane, lane_x in self.x.items():
            self._text(lane_x, HEAD - 12, lane, anchor="middle", bold=True)

    def _lanes(self) -> None:
        """Each member's lane in pieces, one for each state it was in; clients' are thin."""
        for member in self.picture.members:
            state = before = self.picture.states[member]
            top = float(HEAD - 4)
            for number, row in enumerate(self.picture.rows):
                if row.lane == member and row.event is not None:
                    changed, before = next_state(row.event, state, before)
                    if changed is not state:
                        y = float(HEAD + ROW * (number + 1))
                        self._line((self.x[member], top), (self.x[member], y), *LANES[state])
                        state, top = changed, y
            self._line((self.x[member], top), (self.x[member], self.bottom), *LANES[state])
        for client in self.picture.clients:
            self._line((self.x[client], HEAD - 4), (self.x[client], self.bottom), "#e0e0e0")

    def _row(self, y: float, row: Row) -> None:
        self._text(TIME_WIDTH - 8, y + 4, f"{row.at_ns / 1e6:.3f} ms", fill="#888", anchor="end")
        if row.event is None:
            return
        if not row.lane:
            colour = FOCUS if row.focus else "#ef9a9a"
            self.parts.append(
                f'<rect x="{TIME_WIDTH}" y="{y - 8:g}" width="{self.width - TIME_WIDTH - 12}" height="16" fill="{colour}" opacity="0.25"/>'
            )
            self._text(TIME_WIDTH + 40, y + 4, row.text[:NOTE_COLUMNS], fill=FOCUS if row.focus else "#8e2020", bold=True)
            return
        ordinary = row.event.weight > 0
        colour = "#2e7d32" if ordinary else "#222" if row.event.what == "role" else "#8e2020"
        self.parts.append(f'<circle cx="{self.x[row.lane]:g}" cy="{y:g}" r="{3 if ordinary else 5}" fill="{colour}"/>')
        self._text(self.x[row.lane] + 9, y + 4, row.text[:34], fill=colour, bold=not ordinary)

    def _flights(self) -> None:
        sent: dict[int, tuple[float, Row]] = {}
        comes: dict[int, list[tuple[float, Row]]] = {}
        for number, row in enumerate(self.picture.rows):
            if row.flight >= 0:
                y = float(HEAD + ROW * (number + 1))
                if row.comes:
                    comes.setdefault(row.flight, []).append((y, row))
                else:
                    sent[row.flight] = y, row
        for number, (y, row) in sent.items():
            arrivals = comes.get(number, [])
            for arrival_y, arrival in arrivals:
                self._arrow((self.x[row.lane], y), (self.x[arrival.lane], arrival_y))
            self._label(y, row, [arrival.lane for _, arrival in arrivals])

    def _arrow(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        self._line(begin, end, MESSAGE, 1.2)
        (x1, _), (x, y) = begin, end
        back = 8 if x > x1 else -8
        self.parts.append(f'<path d="M{x:g} {y:g} l{-back} -4 l0 8 z" fill="{MESSAGE}"/>')

    def _label(self, y: float, row: Row, arrivals: list[str]) -> None:
        x = self.x[row.lane]
        if not arrivals:
            self._line((x, y), (x + 26, y), LOST, 2, "4 2")
            self._text(x + 30, y + 4, f"x {row.target}: {row.text[:28]}", fill=LOST)
            return
        rightwards = self.x[arrivals[0]] > x
        self._text(x + (10 if rightwards else -10), y - 2, row.text[:60], fill="#37474f", anchor="start" if rightwards else "end")

    def _operations(self) -> None:
        """A bar from the beginning to the end, in red where the counterexample names it."""
        begun: dict[int, float] = {}
        last = {row.operation: number for number, row in enumerate(self.picture.rows) if row.operation >= 0}
        for number, row in enumerate(self.picture.rows):
            if row.operation < 0:
                continue
            y = float(HEAD + ROW * (number + 1))
            colour = FOCUS if row.focus else "#90a4ae"
            x = self.x[row.lane]
            if not row.ends:
                begun[row.operation] = y
                open_end = last[row.operation] == number
                end_y = self.bottom if open_end else HEAD + ROW * (last[row.operation] + 1)
                self._line((x, y), (x, end_y), colour, 7 if row.focus else 4, "4 4" if open_end else "")
            self._text(x + 9, y + 4, row.text[:44], fill=FOCUS if row.focus else "#455a64", bold=row.focus)

    def _foot(self) -> None:
        y = float(self.bottom + 24)
        if self.picture.left_out:
            self._text(12, y, f"{self.picture.left_out} more events, messages and operations are not shown.", fill="#888")
            y += 20
        for line in self.notes:
            self._text(12, y, line)
            y += 16


def _wrap(text: str) -> list[str]:
    lines = []
    for line in text.split("\n"):
        lines += wrap(line, NOTE_COLUMNS, break_on_hyphens=False) or [""]
    return lines
