"""Members on loopback that hold keyrings, and a relay that writes down every byte between them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from quorate_node.crypto.epochs.keyring import Cause, Keyring
from quorate_node.crypto.epochs.settings import EpochSettings
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.sealing import Sealing
from tests.unit.crypto.epochs.members import grant
from tests.unit.transport.loopback_members import Member, StartMember, acquaint, eventually

SECRET = b"a value that nobody else may read"


async def start_keyed(start_member: StartMember, member_id: int, *, boot: int = 1, port: int = 0, **settings: int) -> Member:
    """A member with a keyring that holds no epoch yet."""
    member = await start_member(member_id, identity={"boot_counter": boot, "instance": boot}, port=port)
    member.transport.seal_with(Keyring(member_id, boot, EpochSettings(**settings)))
    return member


def sealing_of(member: Member) -> Sealing:
    assert member.transport.sealing is not None
    return member.transport.sealing


def keyring_of(member: Member) -> Keyring:
    return sealing_of(member).keyring


def install(number: int, members: Sequence[Member], ids: Sequence[int] | None = None) -> None:
    """Epoch `number` on these members, as if each had applied its commit; `ids` are all members of it."""
    for member in members:
        install_on(member, number, ids or [one.member_id for one in members])
        member.transport.keys_changed()


def install_on(member: Member, number: int, ids: Sequence[int]) -> None:
    keyring_of(member).install(grant(number, ids), index=number, cause=Cause.UPDATE, now_ms=sealing_of(member).now_ms())


def seals_with(member: Member, peer: Member) -> int | None:
    """The number of the epoch in which `member` seals for `peer`; None: the recovery class."""
    for link in keyring_of(member).status().links:
        if link.peer == peer.member_id and link.epoch is not None:
            return link.epoch.number
    return None


async def agree(number: int, *members: Member) -> None:
    """Wait until all of them seal with this epoch for each other."""
    pairs = [(one, other) for one in members for other in members if one is not other]
    await eventually(lambda: all(seals_with(one, other) == number for one, other in pairs))


async def keyed_trio(start_member: StartMember, count: int = 2, **settings: int) -> list[Member]:
    """Connected members that seal in epoch 1."""
    members = [await start_keyed(start_member, number, **settings) for number in range(1, count + 1)]
    await acquaint(*members)
    install(1, members)
    await agree(1, *members)
    return members


def append(to: Member, sender: Member, index: int = 1, value: bytes = SECRET) -> Message:
    return Message(MessageType.APPEND, to.member_id, sender.member_id, 3, entries=[Entry(index, 3, 0, value)])


async def exchange(sender: Member, to: Member, index: int = 1) -> None:
    """One message goes and arrives."""
    before = len(to.recorder.messages)
    sender.transport.send([append(to, sender, index)])
    await to.recorder.until(lambda: len(to.recorder.messages) > before)


class Relay:
    """Stands at a member's address, hands on all bytes both ways, and keeps them."""

    def __init__(self, target: Member) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self.captured = bytearray()
        self.url = ""

    async def start(self) -> Relay:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target.port)
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer), return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.captured += data
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
