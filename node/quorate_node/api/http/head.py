"""Request heads: parsed once by llhttp (httptools), judged once, and cached by their bytes.

A client on a kept-alive connection repeats its header block byte for byte, and what a block means depends on its bytes alone. So
the hot path costs one dictionary look-up, and the strict parser sees every block that is new. Framing never depends on two
parsers that disagree: a head with both Content-Length and Transfer-Encoding, a repeated Content-Length, a folded line or a bare CR
or LF is refused and the connection closed (RFC 9112 sections 2.2, 5.2 and 6.3).
"""

from __future__ import annotations

import re

import httptools

from quorate_node.api.http.integers import int64
from quorate_node.api.http.origin import judge_origin
from quorate_node.api.http.problem import Problem
from quorate_node.api.settings import ApiSettings

REQUEST_ID_CHARACTERS_MAX = 128
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/@+=-]{1,128}\Z")
_SINGLE = frozenset({"host", "content-length", "content-type", "content-encoding", "transfer-encoding", "origin", "x-request-id",
                     "x-quorate-timeout-ms", "x-quorate-forward", "authorization", "expect", "upgrade", "sec-fetch-site"})
"""Fields that may be there once: what a second one means is where two implementations differ."""


class HeadRefused(Exception):
    """The head itself is bad: answer 400 and close, since where the next request begins is unknown."""


class Head:
    """What a header block says. `problem` is an error that every request with this block is answered with; the framing is good."""

    __slots__ = ("browser", "close", "content_length", "content_type", "forward", "has_host", "problem", "request_id", "special",
                 "timeout_s", "upgrade")

    def __init__(self) -> None:
        self.content_length = 0
        self.content_type = ""
        self.close = False
        self.special = False
        """Transfer-Encoding, Expect or Upgrade: the general server takes the connection."""
        self.upgrade = False
        self.request_id = b""
        self.timeout_s = 0.0
        self.forward = True
        self.browser = False
        self.has_host = False
        self.problem: Problem | None = None


class _Collector:
    """Receives httptools' callbacks."""

    __slots__ = ("complete", "fields")

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


class HeadParser:
    """Parses header blocks for one server."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self.known: dict[bytes, Head] = {}

    def parse(self, line: bytes, block: bytes) -> Head:
        """The head of a request of HTTP/1.x whose header block (with its last empty line) is `block`. Raises `HeadRefused`."""
        head = self.known.get(block)
        if head is None:
            head = self._parse(line, block)
            if len(self.known) >= self._settings.head_cache_entries_max:
                self.known.clear()
            self.known[block] = head
        return head

    def _parse(self, line: bytes, block: bytes) -> Head:
        text = b"%b\r\n%b" % (line, block)
        if text.count(b"\n") != text.count(b"\r\n") or text.count(b"\r") != text.count(b"\r\n"):
            raise HeadRefused("a bare CR or LF in the request's head; lines end with CRLF")
        collector = _Collector()
        upgrade = False
        try:
            httptools.HttpRequestParser(collector).feed_data(text)
        except httptools.HttpParserUpgrade:
            upgrade = True
        except (httptools.HttpParserError, httptools.HttpParserCallbackError) as error:
            raise HeadRefused(f"the request's head is malformed: {str(error)[:200]}") from None
        if not collector.complete:
            raise HeadRefused("the request's head is incomplete")
        if len(collector.fields) > self._settings.head_fields_max:
            message = f"{len(collector.fields)} header fields; at most {self._settings.head_fields_max} are taken: send fewer"
            raise HeadRefused(message)
        return self._judge(_by_name(collector.fields), upgrade)

    def _judge(self, fields: dict[str, bytes], upgrade: bool) -> Head:
        head = Head()
        length = fields.get("content-length", b"0")
        if not length.isdigit() or len(length) > 19:
            raise HeadRefused("field `content-length`: it is not a decimal number")
        if "transfer-encoding" in fields and "content-length" in fields:
            raise HeadRefused("both `content-length` and `transfer-encoding`: send one of them")
        if fields.get("expect", b"100-continue").lower() != b"100-continue":
            raise HeadRefused("header `expect`: only 100-continue is known")
        head.content_length = int(length)
        head.upgrade = upgrade
        head.special = upgrade or "transfer-encoding" in fields or "expect" in fields
        head.close = b"close" in fields.get("connection", b"").lower()
        head.content_type = fields.get("content-type", b"").split(b";", 1)[0].strip().lower().decode("latin-1")
        head.has_host = bool(fields["host"])
        head.browser = "origin" in fields or "sec-fetch-site" in fields
        request_id = fields.get("x-request-id", b"")
        if _REQUEST_ID.match(request_id):
            head.request_id = request_id
        try:
            self._judge_fields(head, fields, request_id)
        except Problem as problem:
            head.problem = problem
        return head

    def _judge_fields(self, head: Head, fields: dict[str, bytes], request_id: bytes) -> None:
        """What is wrong with the fields while the framing is good. Raises `Problem`."""
        if request_id and not head.request_id:
            message = f"header `x-request-id`: at most {REQUEST_ID_CHARACTERS_MAX} letters, digits and ._:/@+=- are taken"
            raise Problem("InvalidArgument", message)
        if fields.get("content-encoding", b"identity").lower() != b"identity":
            raise Problem("UnsupportedMediaType", "header `content-encoding`: compressed request bodies are not taken; send it as it is")
        judge_origin(fields, self._settings.hosts_allowed)
        head.forward = _forward(fields.get("x-quorate-forward", b""))
        head.timeout_s = self._timeout_s(fields.get("x-quorate-timeout-ms", b""))

    def _timeout_s(self, value: bytes) -> float:
        if not value:
            return self._settings.request_timeout_ms / 1000
        limit_ms = self._settings.request_timeout_ms_max
        return int64(value.decode("latin-1"), "x-quorate-timeout-ms", 1, limit_ms) / 1000


def _by_name(fields: list[tuple[bytes, bytes]]) -> dict[str, bytes]:
    named: dict[str, bytes] = {}
    for raw_name, value in fields:
        name = raw_name.decode("latin-1").lower()
        if name in named:
            if name in _SINGLE:
                raise HeadRefused(f"header `{name}` is there twice: send it once")
            value = named[name] + b", " + value
        named[name] = value
    if "host" not in named:
        named["host"] = b""
    return named


def _forward(value: bytes) -> bool:
    if value in (b"", b"auto"):
        return True
    if value == b"never":
        return False
    raise Problem("InvalidArgument", f"header `x-quorate-forward`: {value[:40]!r} is unknown; send `never` or `auto`")
