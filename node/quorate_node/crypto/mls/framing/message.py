"""What is handed to the network (section 6): the protocol version, the kind of message, and the message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import UnsupportedError
from quorate_node.crypto.mls.framing.content import WireFormat
from quorate_node.crypto.mls.framing.private_message import PrivateMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group_context import MLS10, read_version
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.welcome_content import Welcome

Message = PublicMessage | PrivateMessage | Welcome | GroupInfo | KeyPackage

_KINDS: dict[int, type[Message]] = {
    WireFormat.PUBLIC_MESSAGE: PublicMessage,
    WireFormat.PRIVATE_MESSAGE: PrivateMessage,
    WireFormat.WELCOME: Welcome,
    WireFormat.GROUP_INFO: GroupInfo,
    WireFormat.KEY_PACKAGE: KeyPackage,
}
_FORMATS: dict[type[Message], int] = {kind: number for number, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class MlsMessage:
    """MLSMessage."""

    message: Message

    @property
    def wire_format(self) -> WireFormat:
        return WireFormat(_FORMATS[type(self.message)])

    def write(self, writer: Writer) -> None:
        writer.uint16(MLS10)
        writer.uint16(self.wire_format)
        self.message.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        read_version(reader)
        code = reader.uint16()
        kind = _KINDS.get(code)
        if kind is None:
            raise UnsupportedError(f"wire_format is {code}: 1 to {max(_KINDS)} are known")
        return cls(kind.read(reader))
