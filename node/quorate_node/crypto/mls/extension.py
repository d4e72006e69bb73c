"""Extensions of leaves, key packages, group contexts and group infos (section 13): a type and bytes. Unknown ones are carried along."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import ValidationError


class ExtensionType(IntEnum):
    """The types of RFC 9420 (section 17.3). Any other number is an extension of the application's or GREASE."""

    APPLICATION_ID = 1
    RATCHET_TREE = 2
    REQUIRED_CAPABILITIES = 3
    EXTERNAL_PUB = 4
    EXTERNAL_SENDERS = 5


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension; what `data` means is its type's to say."""

    extension_type: int
    data: bytes

    def write(self, writer: Writer) -> None:
        writer.uint16(self.extension_type)
        writer.vector(self.data)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.uint16(), reader.vector())


def find_extension(extensions: Iterable[Extension], extension_type: int) -> bytes | None:
    """The data of the extension of that type; None when there is none."""
    return next((found.data for found in extensions if found.extension_type == extension_type), None)


def check_distinct(extensions: Iterable[Extension]) -> None:
    """A list holds at most one extension of a type (section 13.4). Raises `ValidationError`."""
    seen: set[int] = set()
    for extension in extensions:
        if extension.extension_type in seen:
            raise ValidationError(f"extension {extension.extension_type:#06x} stands twice in one list")
        seen.add(extension.extension_type)
