"""A peer that says goodbye and is gone in the same breath: over TLS its close frame, TLS's end and the connection's come in one read."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any

from quorate_node.transport.handshake import ConnectionClass, encode_hello
from quorate_node.transport.tls import PeerTls
from quorate_node.transport.tls_files import TlsFiles
from quorate_node.transport.websocket_frames import close_frame
from tests.unit.transport.certificates import Authority, member_uri, write_files
from tests.unit.transport.loopback_members import CLUSTER_ID, Member, StartMember, eventually, identity

VISITS = 5
MASK = b"\x00\x00\x00\x00"


class BurstingPeer:
    """TLS in memory over a plain socket: what it sends is sent in the pieces that the test chooses. Blocking: it runs in a thread."""

    def __init__(self, port: int, files: TlsFiles) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        files.load_into(context)
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        self._until(self._tls.do_handshake)

    def _until(self, step: Any) -> Any:
        while True:
            try:
                found = step()
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(self._socket.recv(65536))
                continue
            self._flush()
            return found

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._socket.sendall(self._outgoing.read())

    def ask(self, data: bytes) -> bytes:
        self._tls.write(data)
        return bytes(self._until(lambda: self._tls.read(65536)))

    def leave_at_once(self, farewell: bytes) -> None:
        """Last words, TLS's end and the connection's in one piece."""
        self._tls.write(farewell)
        with contextlib.suppress(ssl.SSLWantReadError):  # the other side's own end is not waited for
            self._tls.unwrap()
        self._flush()
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()


def _masked(payload: bytes) -> bytes:
    assert len(payload) < 65536
    header = bytes((0x82, 0x80 | 126)) + len(payload).to_bytes(2, "big") if len(payload) > 125 else bytes((0x82, 0x80 | len(payload)))
    return header + MASK + payload


def _visit(port: int, files: TlsFiles) -> None:
    peer = BurstingPeer(port, files)
    key = base64.b64encode(b"0123456789abcdef").decode()
    lines = ["GET /peer/v1/call HTTP/1.1", "host: x", "upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13"]
    assert b"101" in peer.ask("\r\n".join([*lines, f"sec-websocket-key: {key}", "", ""]).encode()).split(b"\r\n")[0]
    peer.ask(_masked(encode_hello(ConnectionClass.CALL, "http://127.0.0.1:1", identity(9))))
    peer.leave_at_once(close_frame(1000, b"", True))
    peer.close()


async def _serving(start_member: StartMember, folder: Path) -> tuple[Member, TlsFiles]:
    authority = Authority()
    files = write_files(folder / "1", authority.issue(member_uri(CLUSTER_ID, 1)), authority)
    tls = PeerTls(files, verify_hostname=False)
    member = await start_member(1, tls=tls, server_context=tls.server_context())
    return member, write_files(folder / "9", authority.issue(member_uri(CLUSTER_ID, 9)), authority)


async def test_a_peer_that_is_gone_with_its_last_word_is_no_failure(start_member: StartMember, tmp_path: Path) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    member, files = await _serving(start_member, tmp_path)
    for _ in range(VISITS):
        await asyncio.to_thread(_visit, member.port, files)
    await eventually(lambda: member.transport.counters.accepted == VISITS)
    await asyncio.sleep(0.05)
    assert complaints == []
