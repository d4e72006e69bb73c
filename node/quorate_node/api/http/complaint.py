"""Turns what msgspec says of a bad body into one clear error: which field, what was expected, what to send instead."""

from __future__ import annotations

import re

import msgspec

from quorate_node.api.http.problem import Problem

_REMEDIES = (
    ("Invalid base64", 'send standard base64 with padding, or set "encoding": "text" for UTF-8 text'),
    ("`int | str`", "send a 64-bit integer as a decimal string or as a JSON integer without fraction or exponent"),
    ("<= 9223372036854775807", "send an integer between -9223372036854775808 and 9223372036854775807"),
    (">= -9223372036854775808", "send an integer between -9223372036854775808 and 9223372036854775807"),
    ("out of range", "send an integer between -9223372036854775808 and 9223372036854775807"),
    ("missing required field", "add the field"),
    ("Invalid enum value", "use one of the values of docs/api.md"),
    ("Expected `object`", "send one JSON object"),
)
_PATH = re.compile(r" - at `\$\.?(.*)`$")
_UNKNOWN = re.compile(r"unknown field `(.*?)`")
MESSAGE_CHARACTERS_MAX = 300


def complain(error: Exception) -> Problem:
    """The `Problem` for what a JSON decoder raised. Never echoes more of the body than a field name."""
    text = str(error)
    if isinstance(error, RecursionError):
        return Problem("MalformedBody", "the body is nested too deeply: flatten the transaction")
    if isinstance(error, msgspec.ValidationError):
        return _from_validation(text)
    if isinstance(error, UnicodeError):
        return Problem("MalformedBody", f"the body is not valid UTF-8 ({error.__class__.__name__}): send UTF-8 encoded JSON")
    return Problem("MalformedBody", f"the body is not valid JSON: {text[:MESSAGE_CHARACTERS_MAX]}; send one JSON object in UTF-8")


def _from_validation(text: str) -> Problem:
    path = _PATH.search(text)
    field = path.group(1) if path else ""
    what = text[: path.start()] if path else text
    unknown = _UNKNOWN.search(what)
    if unknown:
        name = unknown.group(1)[:100]
        where = f" in `{field[:100]}`" if field else ""
        return Problem("UnknownField", f"unknown field `{name}`{where}: remove it, or see docs/api.md for the fields of this request")
    remedy = next((advice for mark, advice in _REMEDIES if mark in what), "see docs/api.md for the fields of this request")
    subject = f"field `{field[:100]}`" if field else "the body"
    error = "MalformedBody" if not field and "missing required" not in what else "InvalidArgument"
    return Problem(error, f"{subject}: {what[:MESSAGE_CHARACTERS_MAX]}; {remedy}")
