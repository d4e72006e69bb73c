"""The transaction language of `quorate txn`: read it into a `Txn`, and write a `Txn` in it.

    if
      version "owner" = 0
      value "stock" > "0"
    then
      put "owner" "me" lease=8123
      delete "waiting/" prefix
    else
      get "owner"
      txn {
        then
          get "stock"
      }

Statements end with the line or `;`. Strings take \\n \\t \\r \\0 \\\\ \\" \\xHH; a word without blanks needs no quotes.
`#` begins a comment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quorate.cli.txn_words import END, SIGN, STRING, WORD, BadTransaction, Token, quote, tokenize
from quorate.operations import SORT_ORDERS, SORT_TARGETS, TO_THE_END, prefix_end
from quorate.wire.commands import MAX_INT64, Compare, CompareResult, CompareTarget, DeleteRange, Operation, Put, Range, Txn

TARGETS = {target.name.lower(): target for target in CompareTarget}
SIGNS = {"=": CompareResult.EQUAL, "!=": CompareResult.NOT_EQUAL, "<": CompareResult.LESS, ">": CompareResult.GREATER}
SECTIONS = ("if", "then", "else")
NESTING_MAX = 16
_RANGE_FLAGS = ("prefix", "from-key")
_NUMBERS = {
    "limit": "limit",
    "revision": "revision",
    "min-modify": "min_mod_revision",
    "max-modify": "max_mod_revision",
    "min-create": "min_create_revision",
    "max-create": "max_create_revision",
}


def parse_txn(text: str) -> Txn:
    """Raises `BadTransaction` with line, column, and what was expected."""
    parser = _Parser(tokenize(text))
    txn = parser.transaction(0)
    if parser.token.kind is not END or parser.position != len(parser.tokens) - 1:
        raise parser.token.wrong("a `}` without its `txn {`")
    return txn


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.tokens[self.position]
        if self.position < len(self.tokens) - 1:
            self.position += 1
        return token

    def at_last(self) -> bool:
        return self.position == len(self.tokens) - 1

    def transaction(self, depth: int) -> Txn:
        """Sections up to the end, or to the `}` of a nested transaction."""
        if depth > NESTING_MAX:
            raise self.token.wrong(f"transactions nest at most {NESTING_MAX} deep")
        compare: list[Compare] = []
        lists: dict[str, list[Operation]] = {"then": [], "else": []}
        seen: list[str] = []
        while True:
            while self.token.kind is END and not self.at_last():
                self.take()
            if self.at_last() or self.token.data == b"}":
                return Txn(tuple(compare), tuple(lists["then"]), tuple(lists["else"]))
            token = self.token
            if token.kind is WORD and token.text in SECTIONS:
                name = self.take().text
                if seen and SECTIONS.index(name) <= SECTIONS.index(seen[-1]):
                    raise token.wrong(f"`{name}` after `{seen[-1]}`; the order is if, then, else, each at most once")
                seen.append(name)
            elif not seen:
                raise token.wrong(f"`if`, `then` or `else` expected before {token.text!r}")
            elif seen[-1] == "if":
                compare.append(self.compare())
                self.end()
            else:
                lists[seen[-1]].append(self.operation(depth))
                self.end()

    def end(self) -> None:
        if self.token.kind is not END and self.token.data != b"}":
            raise self.token.wrong(f"{self.token.text!r} after a whole statement; begin a new line")

    def bytes_of(self, what: str) -> bytes:
        token = self.take()
        if token.kind not in (STRING, WORD):
            raise token.wrong(f"{what} expected")
        return token.data

    def number(self, what: str) -> int:
        token = self.take()
        if token.kind is not WORD or not token.text.isascii() or not token.text.isdecimal() or int(token.text) > MAX_INT64:
            raise token.wrong(f"{what}: a number within 0 and 2^63-1 expected")
        return int(token.text)

    def compare(self) -> Compare:
        token = self.take()
        target = TARGETS.get(token.text) if token.kind is WORD else None
        if target is None:
            raise token.wrong(f"{token.text!r} is no condition; there are {', '.join(TARGETS)}")
        key = self.bytes_of("a key")
        sign = self.take()
        if sign.kind is not SIGN or sign.text not in SIGNS:
            raise sign.wrong(f"one of {' '.join(SIGNS)} expected")
        if target is CompareTarget.VALUE:
            fields: dict[str, Any] = {"value": self.bytes_of("a value")}
        else:
            fields = {"number": self.number(target.name.lower())}
        options = self.options(key, {"end": self._range_end}, _RANGE_FLAGS)
        return Compare(key, SIGNS[sign.text], target, **fields, **options)

    def operation(self, depth: int) -> Operation:
        token = self.take()
        match token.text if token.kind is WORD else "":
            case "put":
                return self._put(token)
            case "delete":
                key = self.bytes_of("a key")
                return Operation(delete_range=DeleteRange(key, **self.options(key, {"end": self._range_end}, (*_RANGE_FLAGS, "previous"))))
            case "get":
                return Operation(range=self._get())
            case "txn":
                return Operation(txn=self._nested(depth))
        raise token.wrong(f"{token.text!r} is no operation; there are put, delete, get, txn")

    def _put(self, token: Token) -> Operation:
        key = self.bytes_of("a key")
        flags = ("previous", "ignore-value", "ignore-lease")
        has_value = self.token.kind is STRING or (self.token.kind is WORD and not self._is_option(flags))
        value = self.bytes_of("a value") if has_value else b""
        named = {"lease": lambda _: ("lease", self.number("lease"))}
        options = self.options(key, named, flags)
        if not has_value and not options.get("ignore_value"):
            raise token.wrong('put: a value expected, or ignore-value; an empty value is ""')
        return Operation(put=Put(key, value, **options))

    def _get(self) -> Range:
        key = self.bytes_of("a key")
        named: dict[str, Callable[[Token], tuple[str, Any]]] = {
            "end": self._range_end,
            "order": lambda token: ("sort_order", self._one_of(SORT_ORDERS, token)),
            "by": lambda token: ("sort_target", self._one_of(SORT_TARGETS, token)),
        }
        for name, field in _NUMBERS.items():
            named[name] = lambda _, name=name, field=field: (field, self.number(name))  # type: ignore[misc]
        return Range(key, **self.options(key, named, (*_RANGE_FLAGS, "keys-only", "count-only")))

    def _nested(self, depth: int) -> Txn:
        opened = self.take()
        if opened.data != b"{" or opened.kind is not SIGN:
            raise opened.wrong("`{` expected after txn")
        inner = self.transaction(depth + 1)
        closed = self.take()
        if closed.data != b"}":
            raise opened.wrong("this `{` has no `}`")
        return inner

    def _range_end(self, token: Token) -> tuple[str, Any]:
        return "range_end", self.bytes_of("the end of the range")

    def _one_of(self, names: dict[str, Any], option: Token) -> Any:
        token = self.take()
        if token.text not in names:
            raise token.wrong(f"{option.text}: one of {', '.join(names)} expected")
        return names[token.text]

    def _is_option(self, flags: tuple[str, ...]) -> bool:
        following = self.tokens[min(self.position + 1, len(self.tokens) - 1)]
        return self.token.text in flags or (following.kind is SIGN and following.data == b"=")

    def options(self, key: bytes, named: dict[str, Callable[[Token], tuple[str, Any]]], flags: tuple[str, ...]) -> dict[str, Any]:
        """`name=value` and flags up to the end of the statement, as keyword arguments. Each at most once."""
        fields: dict[str, Any] = {}
        while self.token.kind is not END and self.token.data != b"}":
            token = self.take()
            name = token.text if token.kind is WORD else ""
            if name in named and self.token.data == b"=" and self.token.kind is SIGN:
                self.take()
                field, value = named[name](token)
            elif name in flags:
                field, value = _flag(name, key)
            else:
                allowed = ", ".join([f"{each}=" for each in named] + list(flags))
                raise token.wrong(f"{token.text!r} is not known here; there are {allowed}")
            if field in fields:
                raise token.wrong(f"{token.text!r} says again, or contradicts, what was said before")
            fields[field] = value
        return fields


def _flag(name: str, key: bytes) -> tuple[str, Any]:
    if name == "prefix":
        return "range_end", prefix_end(key)
    if name == "from-key":
        return "range_end", TO_THE_END
    return name.replace("-", "_"), True


def format_txn(txn: Txn, indent: str = "") -> str:
    """The text that `parse_txn` reads as `txn`."""
    lines: list[str] = []
    if txn.compare:
        lines += [f"{indent}if", *(f"{indent}  {_format_compare(each)}" for each in txn.compare)]
    for name, operations in (("then", txn.success), ("else", txn.failure)):
        if operations:
            lines += [f"{indent}{name}", *(_format_operation(each, indent + "  ") for each in operations)]
    return "\n".join(lines)


def _format_compare(compare: Compare) -> str:
    sign = next(text for text, result in SIGNS.items() if result is compare.result)
    operand = quote(compare.value) if compare.target is CompareTarget.VALUE else str(compare.number)
    return f"{compare.target.name.lower()} {quote(compare.key)} {sign} {operand}{_format_end(compare.range_end)}"


def _format_end(range_end: bytes) -> str:
    return f" end={quote(range_end)}" if range_end else ""


def _format_operation(operation: Operation, indent: str) -> str:
    if operation.txn is not None:
        inner = format_txn(operation.txn, indent + "  ")
        return f"{indent}txn {{\n{inner}\n{indent}}}"
    if operation.put is not None:
        put = operation.put
        lease = f" lease={put.lease}" if put.lease else ""
        flags = "".join(f" {name.replace('_', '-')}" for name in ("previous", "ignore_value", "ignore_lease") if getattr(put, name))
        return f"{indent}put {quote(put.key)} {quote(put.value)}{lease}{flags}"
    if operation.delete_range is not None:
        delete = operation.delete_range
        return f"{indent}delete {quote(delete.key)}{_format_end(delete.range_end)}{' previous' if delete.previous else ''}"
    assert operation.range is not None, "an operation has one field set"
    get = operation.range
    numbers = "".join(f" {name}={getattr(get, field)}" for name, field in _NUMBERS.items() if getattr(get, field))
    order = f" order={get.sort_order.name.lower()}" if get.sort_order else ""
    by = f" by={get.sort_target.name.lower()}" if get.sort_target else ""
    flags = "".join(f" {name.replace('_', '-')}" for name in ("keys_only", "count_only") if getattr(get, name))
    return f"{indent}get {quote(get.key)}{_format_end(get.range_end)}{numbers}{order}{by}{flags}"


__all__ = ["BadTransaction", "format_txn", "parse_txn"]
