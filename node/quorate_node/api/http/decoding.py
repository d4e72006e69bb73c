"""One decoder for both encodings of a body, strict: unknown and repeated fields, wrong types and bad base64 are exact errors."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from quorate_node.api.http.complaint import complain
from quorate_node.api.http.duplicates import refuse_duplicates

R = TypeVar("R", bound=msgspec.Struct)

REFUSALS = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
"""What msgspec raises on a bad body; anything else is a defect of ours and must surface."""


class _EncodingPeek(msgspec.Struct):
    encoding: str = "base64"


_peek = msgspec.json.Decoder(_EncodingPeek)


class BodyDecoder(Generic[R]):
    """Decodes a body without an `encoding` of its own. Costs about 0.5 us for a small body."""

    def __init__(self, shape: Any) -> None:
        self._decoder: msgspec.json.Decoder[R] = msgspec.json.Decoder(shape)

    def decode(self, body: bytes) -> R:
        """Raises `Problem`."""
        try:
            decoded = self._decoder.decode(body)
        except REFUSALS as error:
            raise complain(error) from None
        refuse_duplicates(body, decoded)
        return decoded


class EncodedBodyDecoder(Generic[R]):
    """Decodes bodies whose keys and values are base64, or text when the body says so."""

    def __init__(self, base64_shape: Any, text_shape: Any) -> None:
        self._base64: msgspec.json.Decoder[R] = msgspec.json.Decoder(base64_shape)
        self._text: msgspec.json.Decoder[R] = msgspec.json.Decoder(text_shape)

    def decode(self, body: bytes) -> tuple[R, bool]:
        """(body, text). Without a duplicate check: the caller makes the cheapest one that is enough. Raises `Problem`.

        Base64 is tried first: what is found to be text, or is no base64, is looked at again, which only text pays for.
        """
        try:
            decoded = self._base64.decode(body)
        except REFUSALS as error:
            if not _says_text(body):
                raise complain(error) from None
        else:
            if decoded.encoding != "text":  # type: ignore[attr-defined]  # every shape given here has the field
                return decoded, False
        try:
            return self._text.decode(body), True
        except REFUSALS as error:
            raise complain(error) from None


def _says_text(body: bytes) -> bool:
    try:
        return _peek.decode(body).encoding == "text"
    except REFUSALS:
        return False


def as_bytes(value: bytes | str) -> bytes:
    return value if type(value) is bytes else value.encode()  # type: ignore[union-attr]
