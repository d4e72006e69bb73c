"""Logging set-up: text for people, JSON lines for programs; rate-limited by where a line comes from; secrets never written."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from typing import IO, Literal

import msgspec

from quorate_node.telemetry.instruments import Counter

LINES_PER_INTERVAL_MAX = 100
INTERVAL_S = 10.0
_SECRET = re.compile(r"(?i)\b(authorization|token|password|secret|psk|private[_-]?key)(\"?\s*[=:]\s*\"?)(?:bearer\s+)?[^\s\",}&]+")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """`text` with what follows the name of a secret replaced. A second line of defence: secrets are not to be logged at all."""
    return _SECRET.sub(r"\1\2[redacted]", text)


class RateLimit(logging.Filter):
    """At most `LINES_PER_INTERVAL_MAX` lines of one call site in `INTERVAL_S`: bad peers and clients cannot flood the log."""

    def __init__(self, suppressed: Counter | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._suppressed = suppressed
        self._began = clock()
        self._lines: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        if now - self._began >= INTERVAL_S:
            self._began = now
            self._lines.clear()
        site = (record.pathname, record.lineno)
        lines = self._lines.get(site, 0) + 1
        self._lines[site] = lines
        if lines == LINES_PER_INTERVAL_MAX:
            record.msg = f"{record.msg} (further lines like this are suppressed for up to {INTERVAL_S:.0f} s)"
        if lines > LINES_PER_INTERVAL_MAX:
            if self._suppressed is not None:
                self._suppressed.add()
            return False
        return True


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what was given as `extra`, and the exception if any."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = value if isinstance(value, int | float | bool) else redact(str(value))
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


def configure_logging(
    level: str = "info",
    form: Literal["text", "json"] = "text",
    stream: IO[str] | None = None,
    suppressed: Counter | None = None,
) -> logging.Handler:
    """Send the root logger to `stream` (stderr by default). Returns the handler, for a caller that wants to take it away again."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(RateLimit(suppressed))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    return handler
