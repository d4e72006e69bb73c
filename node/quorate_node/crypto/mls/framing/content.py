"""What is framed (section 6): application bytes, a proposal or a commit, with the group, epoch and sender that it belongs to.

A content is encoded once: its signature, its tags and its transcript hash all take the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.errors import CodecError
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.proposals import Proposal, read_proposal, write_proposal


class ContentType(IntEnum):
    APPLICATION = 1
    PROPOSAL = 2
    COMMIT = 3


class WireFormat(IntEnum):
    """Section 6: what kind of message follows."""

    PUBLIC_MESSAGE = 1
    PRIVATE_MESSAGE = 2
    WELCOME = 3
    GROUP_INFO = 4
    KEY_PACKAGE = 5


@dataclass(frozen=True, slots=True)
class ApplicationData:
    """Bytes of the application's."""

    data: bytes


Body = ApplicationData | Proposal | Commit


def read_content_type(reader: Reader) -> ContentType:
    """Raises `CodecError` for a number that is none."""
    code = reader.uint8()
    if not ContentType.APPLICATION <= code <= ContentType.COMMIT:
        raise CodecError(f"content_type is {code}: 1 to 3 are allowed")
    return ContentType(code)


def content_type_of(body: Body) -> ContentType:
    if isinstance(body, ApplicationData):
        return ContentType.APPLICATION
    return ContentType.COMMIT if isinstance(body, Commit) else ContentType.PROPOSAL


def write_body(writer: Writer, body: Body) -> None:
    """A body without its content type."""
    if isinstance(body, ApplicationData):
        writer.vector(body.data)
    elif isinstance(body, Commit):
        body.write(writer)
    else:
        write_proposal(writer, body)


def read_body(reader: Reader, content_type: ContentType) -> Body:
    if content_type is ContentType.APPLICATION:
        return ApplicationData(reader.vector())
    return Commit.read(reader) if content_type is ContentType.COMMIT else read_proposal(reader)


@dataclass(frozen=True, slots=True)
class FramedContent:
    """`authenticated_data`: bytes of the application's that are signed with the body and never encrypted."""

    group_id: bytes
    epoch: int
    sender: Sender
    body: Body
    authenticated_data: bytes = b""
    _encoded: bytes = field(default=b"", init=False, compare=False, repr=False)

    @property
    def content_type(self) -> ContentType:
        return content_type_of(self.body)

    def encoded(self) -> bytes:
        """Its wire form."""
        if not self._encoded:
            writer = Writer()
            writer.vector(self.group_id)
            writer.uint64(self.epoch)
            self.sender.write(writer)
            writer.vector(self.authenticated_data)
            writer.uint8(self.content_type)
            write_body(writer, self.body)
            object.__setattr__(self, "_encoded", writer.data())
        return self._encoded

    def write(self, writer: Writer) -> None:
        writer.opaque(self.encoded())

    @classmethod
    def read(cls, reader: Reader) -> Self:
        start = reader.position()
        group_id, epoch, sender, authenticated_data = reader.vector(), reader.uint64(), Sender.read(reader), reader.vector()
        content = cls(group_id, epoch, sender, read_body(reader, read_content_type(reader)), authenticated_data)
        object.__setattr__(content, "_encoded", reader.since(start))
        return content
