"""Who sends (section 6): a member by its leaf, an allowed outsider by its place in a list, or somebody who comes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import CodecError


class SenderType(IntEnum):
    MEMBER = 1
    EXTERNAL = 2
    NEW_MEMBER_PROPOSAL = 3
    NEW_MEMBER_COMMIT = 4


_NUMBERED = (SenderType.MEMBER, SenderType.EXTERNAL)


@dataclass(frozen=True, slots=True)
class Sender:
    """`index`: a member's leaf number, or an outsider's place in the group's external_senders; 0 for those who come."""

    sender_type: SenderType
    index: int = 0

    @classmethod
    def member(cls, leaf: int) -> Self:
        return cls(SenderType.MEMBER, leaf)

    @classmethod
    def external(cls, index: int) -> Self:
        return cls(SenderType.EXTERNAL, index)

    @property
    def is_member(self) -> bool:
        return self.sender_type is SenderType.MEMBER

    @property
    def leaf(self) -> int | None:
        """The leaf number of a member, None for anybody else."""
        return self.index if self.is_member else None

    def write(self, writer: Writer) -> None:
        writer.uint8(self.sender_type)
        if self.sender_type in _NUMBERED:
            writer.uint32(self.index)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        code = reader.uint8()
        if not SenderType.MEMBER <= code <= SenderType.NEW_MEMBER_COMMIT:
            raise CodecError(f"sender_type is {code}: 1 to 4 are allowed")
        sender_type = SenderType(code)
        return cls(sender_type, reader.uint32() if sender_type in _NUMBERED else 0)

    def __str__(self) -> str:
        name = self.sender_type.name.lower()
        return f"{name} {self.index}" if self.sender_type in _NUMBERED else name
