"""A peer that says what it likes: a bare WebSocket client for the tests of what members take from the network."""

from __future__ import annotations

import aiohttp

from quorate_node.transport.handshake import ConnectionClass, encode_hello
from tests.unit.transport.loopback_members import Member, identity


class RawPeer:
    def __init__(self, session: aiohttp.ClientSession, web_socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self.web_socket = web_socket

    @classmethod
    async def dial(cls, member: Member, path: str = "bulk") -> RawPeer:
        session = aiohttp.ClientSession()
        try:
            return cls(session, await session.ws_connect(f"{member.url}/peer/v1/{path}"))
        except BaseException:
            await session.close()
            raise

    @classmethod
    async def admitted(cls, member: Member, member_id: int, connection_class: ConnectionClass = ConnectionClass.BULK) -> RawPeer:
        peer = await cls.dial(member, connection_class.name.lower())
        await peer.web_socket.send_bytes(encode_hello(connection_class, "http://127.0.0.1:1", identity(member_id)))
        answer = await peer.web_socket.receive(timeout=5)
        assert answer.type is aiohttp.WSMsgType.BINARY, answer
        return peer

    async def end(self) -> tuple[int, str]:
        """Code and reason of the close frame that comes next."""
        received = await self.web_socket.receive(timeout=5)
        assert received.type is aiohttp.WSMsgType.CLOSE, received
        return received.data, received.extra or ""

    async def close(self) -> None:
        await self.web_socket.close()
        await self._session.close()
