"""Words of the transaction language: tokens with their place, so that every complaint names line and column."""

from __future__ import annotations

import re
from typing import NamedTuple

END = "end of statement"
WORD = "word"
STRING = "string"
SIGN = "sign"

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*)|(?P<end>\n|;)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<sign>!=|[=<>{}])|(?P<word>[^\s"\#;{}=<>!]+)""",
)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"\\": b"\\", b'"': b'"'}
_PLAIN = frozenset(range(0x20, 0x7F)) - frozenset(b'"\\')


class BadTransaction(ValueError):
    """The text is no transaction; the message says where and what was expected."""


class Token(NamedTuple):
    kind: str
    data: bytes
    line: int
    column: int

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "surrogateescape")

    def wrong(self, message: str) -> BadTransaction:
        return BadTransaction(f"line {self.line}, column {self.column}: {message}")


def tokenize(text: str) -> list[Token]:
    """Raises `BadTransaction`. Ends with an END token, so that a parser never runs out."""
    tokens: list[Token] = []
    position, line, line_start = 0, 1, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        column = position - line_start + 1
        if match is None:
            unclosed = text[position] == '"'
            what = "a string that is not closed on its line" if unclosed else f"{text[position]!r} has no meaning here; quote it"
            raise BadTransaction(f"line {line}, column {column}: {what}")
        kind = match.lastgroup
        raw = match.group()
        if kind == "string":
            tokens.append(Token(STRING, _unquote(raw, line, column), line, column))
        elif kind == "end":
            tokens.append(Token(END, b"", line, column))
        elif kind != "space":
            tokens.append(Token(WORD if kind == "word" else SIGN, raw.encode("utf-8", "surrogateescape"), line, column))
        position = match.end()
        if raw == "\n":
            line, line_start = line + 1, position
    tokens.append(Token(END, b"", line, position - line_start + 1))
    return tokens


def _unquote(raw: str, line: int, column: int) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        escape = match[1]
        if escape[:1] == b"x" and len(escape) == 3:
            return bytes((int(escape[1:], 16),))
        if escape not in _ESCAPES:
            shown = escape.decode("utf-8", "replace")
            raise BadTransaction(f'line {line}, column {column}: \\{shown} is no escape; there are \\n \\t \\r \\0 \\\\ \\" and \\xHH')
        return _ESCAPES[escape]

    return _ESCAPE.sub(replace, raw[1:-1].encode("utf-8", "surrogateescape"))


def quote(data: bytes) -> str:
    """Bytes as a string of the language: the inverse of reading it."""
    return '"' + "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02x}" for byte in data) + '"'
