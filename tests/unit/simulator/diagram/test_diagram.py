"""A picture of a run: what the counterexample names is in it, near things come before far ones, and it stays readable."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from quorate.wire.commands import Put, Range
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, MessageType
from quorate_node.simulator.case import Case
from quorate_node.simulator.diagram import svg, text
from quorate_node.simulator.diagram.recording import Recording, State, describe
from quorate_node.simulator.diagram.rows import Picture, choose
from quorate_node.simulator.history import Operation, Outcome
from quorate_node.simulator.options import draw
from quorate_node.simulator.report import write
from quorate_node.simulator.run import run_case

MS = 1_000_000
SVG = "{http://www.w3.org/2000/svg}"


def operation(number: int, begin_ms: int, end_ms: int) -> Operation:
    request = Put(b"k<1>", b"%d" % number) if number % 2 else Range(b"k<1>")
    return Operation(
        number=number, client=number % 3, request=request, invoked_ns=begin_ms * MS, completed_ns=end_ms * MS, outcome=Outcome.OK,
        member="m1.1", revision=number,
    )


def recorded() -> Recording:
    """Five members; m1 leads from 10 ms to 860 ms, heartbeats all the time, and dies; m2 leads then."""
    recording = Recording()
    for number in range(1, 6):
        recording.event(0, "start", [f"m{number}", 1, 0])
    recording.event(10 * MS, "role", ["m1", "LEADER", 2])
    for at_ms in range(20, 860, 10):
        for other in range(2, 6):
            beat = Message(MessageType.HEARTBEAT, to=other, sender=1, term=2)
            number = recording.sent(at_ms * MS, "sim://m1", f"sim://m{other}", [beat])
            recording.received((at_ms + 1) * MS, number)
    append = Message(MessageType.APPEND, to=2, sender=1, term=2, index=6, entries=[Entry(7, 2), Entry(8, 2)])
    recording.received(802 * MS, recording.sent(800 * MS, "sim://m1", "sim://m2", [append]))
    recording.sent(800 * MS, "sim://m1", "sim://m3", [append])
    recording.event(830 * MS, "partition", [["sim://m3"], ["sim://m1", "sim://m2"], False])
    recording.event(860 * MS, "kill", ["m1"])
    recording.event(862 * MS, "role", ["m2", "LEADER", 3])
    return recording


def picture(rows_max: int = 200) -> Picture:
    operations = [operation(number, 20 * number, 20 * number + 5) for number in range(1, 48)]
    evidence = "went back in time\n  #41 client 2 at m1.1\n  #42 client 0 at m1.1"
    return choose("seed 3: linearizable", [evidence], recorded(), operations, evidence, 1_000 * MS, rows_max)


@pytest.mark.parametrize("rows_max", [30, 60, 200])
def test_it_is_never_longer_than_wanted_and_names_the_counterexample(rows_max: int) -> None:
    shown = picture(rows_max)
    assert len(shown.rows) <= rows_max
    assert [row.at_ns for row in shown.rows] == sorted(row.at_ns for row in shown.rows)
    assert {row.text.split()[0] for row in shown.rows if row.focus} == {"#41", "#42"}
    assert shown.left_out > 300


def test_faults_near_the_counterexample_come_before_heartbeats() -> None:
    shown = picture(60)
    told = [row.text for row in shown.rows]
    assert "m3 is cut off from m1+m2, which do not hear it" in told and "kill" in told and "leader, term 3" in told
    assert told.count("append 7..8 t2 c0") == 3, "one that came, leaving and coming, and one that did not"
    assert sum("heartbeat" in one for one in told) <= 60 // 5


def test_lanes_know_what_their_members_were_before_the_picture_begins() -> None:
    assert picture(30).states == {"m1": State.LEADER, **{f"m{number}": State.FOLLOWER for number in range(2, 6)}}


def test_the_svg_is_whole_and_has_every_row() -> None:
    shown = picture()
    tree = ET.fromstring(svg.render(shown))
    texts = [element.text or "" for element in tree.iter(f"{SVG}text")]
    assert sum(one.endswith(" ms") for one in texts) == len(shown.rows)
    assert any(one.startswith("#41 put k<1>=41") for one in texts)
    assert {"m1", "m5", "client 2"} <= set(texts)
    arrows = len(list(tree.iter(f"{SVG}path")))
    assert arrows == sum(row.comes for row in shown.rows)


def test_the_text_draws_who_tells_whom() -> None:
    lines = text.render(picture(60)).split("\n")
    came = next(line for line in lines if "m1 -> m2: append 7..8" in line)
    assert "#---->|     |     |     |" in came and "(2.000 ms under way)" in came
    assert any("#--x  |" in line and "m1: append 7..8 t2 c0 for m3" in line for line in lines)
    assert any(line.lstrip().startswith("840.000! ") and "client 0: #42 read k<1>" in line for line in lines)
    killed = lines.index(next(line for line in lines if "m1: kill" in line))
    assert "  .     " in lines[killed + 1], "down from here on"


def test_messages_in_a_few_words() -> None:
    assert describe(Message(MessageType.VOTE, to=2, sender=1, term=4, index=9, log_term=3)) == "vote? t4 log 9/t3"
    assert describe(Message(MessageType.VOTE_RESPONSE, to=2, sender=1, term=4, reject=True)) == "vote: no t4"
    assert describe(Message(MessageType.APPEND_RESPONSE, to=2, sender=1, term=4, index=9)) == "has 9 t4"
    assert describe(Message(MessageType.APPEND_RESPONSE, to=2, sender=1, term=4, index=9, reject=True, reject_hint=5)) == "no, has 5 t4"


@pytest.fixture
def _silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_silence")
def test_a_run_that_is_recorded_is_the_same_run(tmp_path: Path) -> None:
    case = Case(draw(12, 60))
    result = write(case, tmp_path / "new", "seed-12")
    assert result.outcome == run_case(case)[0].outcome
    left = {path.name: path.stat().st_size for path in (tmp_path / "new").iterdir()}
    assert set(left) == {f"seed-12.{ending}" for ending in ("svg", "txt", "log", "msgpack", "report.txt")}
    assert all(left.values())
    ET.fromstring((tmp_path / "new" / "seed-12.svg").read_text())
