"""Query strings: strict percent-decoding, unknown and repeated parameters refused, typed by a struct."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from quorate_node.api.http.bodies import ConsistencyName, Encoding
from quorate_node.api.http.codec import CONSISTENCIES
from quorate_node.api.http.integers import int64
from quorate_node.api.http.problem import Problem

Q = TypeVar("Q", bound=msgspec.Struct)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
KEYS_PREFIX = b"/v1/keys/"


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """Base of all query shapes. Values arrive as strings."""


class KeyQuery(Query):
    encoding: Encoding | None = None
    consistency: ConsistencyName = "linearizable"
    max_staleness_ms: str = "0"


class LeaseQuery(Query):
    keys: bool = False
    encoding: Encoding = "base64"


class StreamQuery(Query):
    consistency: ConsistencyName = "linearizable"


class WatchQuery(Query):
    key: str = ""
    range_end: str = ""
    prefix: bool = False
    start_revision: str = "0"
    previous: bool = False
    no_put: bool = False
    no_delete: bool = False
    progress: bool = False
    encoding: Encoding = "base64"


class ApplyQuery(Query):
    from_index: str = msgspec.field(default="1", name="from")


class RestoreQuery(Query):
    token: str


class MemberQuery(Query):
    expected_configuration_index: str | None = None


class NoQuery(Query):
    """Takes no parameter."""


def unquote(text: bytes) -> bytes:
    """Percent-decode once. Raises `Problem` InvalidArgument on an incomplete escape."""
    if b"%" not in text:
        return text
    if text.count(b"%") != len(_ESCAPE.findall(text)):
        raise Problem("InvalidArgument", "the URL holds a `%` that is not followed by two hexadecimal digits; write a plain `%` as `%25`")
    return _ESCAPE.sub(lambda match: bytes((int(match.group(1), 16),)), text)


def unquote_text(text: bytes, what: str) -> bytes:
    """Percent-decode and demand UTF-8, which refuses overlong forms and surrogates too."""
    decoded = unquote(text)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        message = f"{what}: it is not UTF-8 after percent-decoding; send it as base64url with `encoding=base64`"
        raise Problem("InvalidArgument", message) from None
    return decoded


def parse_query(raw: bytes, shape: type[Q]) -> Q:
    """The parameters of a query string. Raises `Problem` naming the parameter."""
    values: dict[str, str] = {}
    for part in raw.split(b"&") if raw else ():
        name, _, value = part.partition(b"=")
        key = unquote_text(name.replace(b"+", b" "), "a query parameter's name").decode()
        if key in values:
            raise Problem("InvalidArgument", f"query parameter `{key[:100]}` is there twice: send it once")
        values[key] = unquote_text(value.replace(b"+", b" "), f"query parameter `{key[:100]}`").decode()
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError:
        raise _complaint(values, shape) from None


def _complaint(values: dict[str, str], shape: type[msgspec.Struct]) -> Problem:
    """What is wrong with the parameters of a request, in its own words: `values` do not convert to `shape`."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    known = ", ".join(f"`{name}`" for name in fields)
    for name, value in values.items():
        if name not in fields:
            takes = f"this request takes {known}" if known else "this request takes none"
            return Problem("UnknownField", f"query parameter `{name[:100]}` is unknown: {takes}; remove it")
        choices = _choices(fields[name].type)
        if choices and value not in choices:
            return Problem("InvalidArgument", f"query parameter `{name}` is {value[:100]!r}; it must be one of {', '.join(choices)}")
    missing = [name for name, field in fields.items() if field.required and name not in values]
    assert missing, "nothing else is refused: all other parameters are any text"
    return Problem("InvalidArgument", f"query parameter `{missing[0]}` is missing: add it")


def _choices(of_type: Any) -> tuple[str, ...]:
    """Of a flag, a literal, or one of these that may be left out; none for any other type."""
    if of_type is bool:
        return ("true", "false", "1", "0")
    if get_origin(of_type) is Literal:
        return get_args(of_type)
    return next((choices for part in get_args(of_type) if (choices := _choices(part))), ())


def base64_key(text: str, what: str) -> bytes:
    """Standard or URL-safe base64, padding optional (a URL has no good place for `=`, `+` and `/`)."""
    try:
        padded = text.replace("-", "+").replace("_", "/")
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Problem("InvalidArgument", f"{what}: it is not base64; send base64url, or UTF-8 text with `encoding=text`") from None


def parse_key_target(target: bytes) -> tuple[bytes, int, int, bool]:
    """`/v1/keys/{key}?...`: (key, consistency, max staleness in ms, text). Raises `Problem`."""
    path, _, query_text = target.partition(b"?")
    if not query_text and b"%" not in path:
        key, consistency, staleness_ms, text = path[len(KEYS_PREFIX):], 0, 0, False
    else:
        query = parse_query(query_text, KeyQuery)
        consistency = CONSISTENCIES[query.consistency]
        staleness_ms = int64(query.max_staleness_ms, "max_staleness_ms")
        text = query.encoding == "text"
        if query.encoding == "base64":
            key = base64_key(unquote_text(path[len(KEYS_PREFIX):], "the key").decode(), "the key in the path")
        else:
            key = unquote_text(path[len(KEYS_PREFIX):], "the key in the path")
    if not key:
        raise Problem("EmptyKey", "the key in the path is empty; a key has at least one byte")
    return key, consistency, staleness_ms, text
