"""Log lines: readable, machine-readable, bounded, without secrets."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import msgspec
import pytest

from quorate_node.telemetry.instruments import Counter, LabelledCounter
from quorate_node.telemetry.logs import INTERVAL_S, LINES_PER_INTERVAL_MAX, RateLimit, configure_logging, redact
from quorate_node.telemetry.timeline import EVENTS_MAX, TEXT_CHARACTERS_MAX, Timeline


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield io.StringIO()
    for handler in root.handlers[:]:
        if handler not in before:
            root.removeHandler(handler)
    root.setLevel(level)


def test_text_is_for_people(stream: io.StringIO) -> None:
    configure_logging("info", "text", stream)
    logging.getLogger("quorate_node.a").info("member %d leads", 7)
    logging.getLogger("quorate_node.a").debug("unseen")
    assert stream.getvalue().endswith("INFO    quorate_node.a: member 7 leads\n")
    assert stream.getvalue().count("\n") == 1


def test_json_is_one_object_a_line_with_what_was_given(stream: io.StringIO) -> None:
    configure_logging("debug", "json", stream)
    logger = logging.getLogger("quorate_node.b")
    logger.warning("slow\nsync", extra={"index": 7, "peer": "n1", "password": "x"})
    try:
        raise ValueError("token=abc")
    except ValueError:
        logger.exception("failed")
    first, second = (msgspec.json.decode(line) for line in stream.getvalue().splitlines())
    assert (first["level"], first["logger"], first["message"], first["index"], first["peer"]) == (
        "warning", "quorate_node.b", "slow\nsync", 7, "n1",
    )
    assert "ValueError" in second["exception"]
    assert "abc" not in second["exception"]


@pytest.mark.parametrize(
    "text",
    ["password=hunter2", "Authorization: Bearer hunter2", '{"token": "hunter2"}', "?token=hunter2&x=1", "private_key: hunter2"],
)
def test_secrets_are_struck_out(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert "[redacted]" in redact(text)


def test_ordinary_text_is_left_alone() -> None:
    text = "tokens: 3 left; the passwordless member joined at term 4"
    assert redact("member 3 joined at term 4") == "member 3 joined at term 4"
    assert "term 4" in redact(text)


def test_one_call_site_cannot_flood_the_log() -> None:
    now_s = [0.0]
    suppressed = Counter()
    limit = RateLimit(suppressed, lambda: now_s[0])

    def record(line: int) -> logging.LogRecord:
        return logging.LogRecord("n", logging.INFO, "file.py", line, "message", (), None)

    passed = [limit.filter(record(1)) for _ in range(LINES_PER_INTERVAL_MAX + 50)]
    assert sum(passed) == LINES_PER_INTERVAL_MAX
    assert suppressed.value == 50
    assert limit.filter(record(2)), "other lines go on"
    now_s[0] = INTERVAL_S
    assert limit.filter(record(1))


def test_the_last_line_before_silence_says_so() -> None:
    limit = RateLimit(None, lambda: 0.0)
    records = [logging.LogRecord("n", logging.INFO, "file.py", 1, "message", (), None) for _ in range(LINES_PER_INTERVAL_MAX)]
    for each in records:
        limit.filter(each)
    assert "suppressed" in records[-1].getMessage()


def test_the_timeline_keeps_the_newest_events() -> None:
    counter = LabelledCounter(1)
    timeline = Timeline(counter)
    for number in range(EVENTS_MAX + 10):
        timeline.note(float(number), "election", "x" * 1000)
    assert len(timeline.events()) == EVENTS_MAX
    assert (timeline.events()[0].time_s, timeline.events()[-1].time_s) == (10.0, EVENTS_MAX + 9.0)
    assert len(timeline.events()[0].text) == TEXT_CHARACTERS_MAX
    assert counter.values == {("election",): EVENTS_MAX + 10}
