"""The binary stream: pipelining, batching, bounds, bad frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from quorate.wire.commands import Command, CommandKind, DeleteRange, LeaseExpire, LeaseGrant, Operation, Put, Range, SessionCreate, Txn
from quorate.wire.results import Failure, KeyValue, LeaseResult, PutResult, RangeResult, SessionResult, StreamFailure
from quorate.wire.stream import StreamResponse
from quorate_node.api.http import stream_socket
from quorate_node.api.http.stream_socket import frame
from quorate_node.replica.service import ServiceError
from tests.unit.api.conftest import Serve, Served

_pack = msgspec.msgpack.Encoder().encode
_responses = msgspec.msgpack.Decoder(list[StreamResponse])


class Client:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[int] = []

    async def send(self, *requests: tuple[int, int, Any], session: tuple[int, int, int] = (0, 0, 0), consistency: int = 0) -> None:
        await self.socket.send_bytes(_pack([(number, kind, consistency, *session, payload) for number, kind, payload in requests]))

    async def answers(self, count: int) -> dict[int, Any]:
        found: dict[int, Any] = {}
        while len(found) < count:
            message = await self.socket.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.BINARY, message
            decoded = _responses.decode(message.data)
            self.messages.append(len(decoded))
            found.update({response.id: response.result for response in decoded})
        return found


@pytest.fixture
async def client(api: Served) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(api.url) as http, http.ws_connect("/v1/stream", max_msg_size=0) as socket:
        yield Client(socket)


async def test_requests_of_one_message_are_one_entry_and_one_answer(client: Client, api: Served) -> None:
    puts = [(number, int(CommandKind.PUT), Put(b"k%d" % number, b"v")) for number in range(50)]
    await client.send(*puts)
    answers = await client.answers(50)
    assert answers[0] == PutResult(2)
    assert answers[49] == PutResult(51)
    assert client.messages == [50]
    assert len(api.service.entries) == 1
    await client.send(*[(number, int(CommandKind.RANGE), Range(b"k%d" % number)) for number in range(60)])
    found = await client.answers(60)
    assert found[3] == RangeResult(51, [KeyValue(b"k3", b"v", 5, 5, 1)], 1)
    assert found[59] == RangeResult(51, [], 0)
    assert api.service.barriers == [0], "one barrier for the message"
    assert client.messages == [50, 60]


async def test_ranges_leases_sessions_and_deletes(client: Client) -> None:
    await client.send((1, 1, Put(b"a")), (2, 1, Put(b"b")))
    await client.answers(2)
    await client.send(
        (3, 16, Range(b"a", b"c")),
        (4, 16, Range(b"a", b"c", revision=99)),
        (5, int(CommandKind.LEASE_GRANT), LeaseGrant(60_000, 9)),
        (6, int(CommandKind.SESSION_CREATE), SessionCreate(60_000)),
        (7, int(CommandKind.DELETE_RANGE), DeleteRange(b"zz")),
        (8, 1, Put(b"a", b"", 12345)),
    )
    found = await client.answers(6)
    assert found[3].count == 2
    assert (found[4].error, type(found[4])) == ("FutureRevision", StreamFailure)
    assert found[5] == LeaseResult(3, 9, 60_000, 60_000)
    assert isinstance(found[6], SessionResult)
    assert found[7].deleted == 0
    assert isinstance(found[8], Failure) and found[8].error == "LeaseNotFound"
    session = found[6].session
    for _ in range(2):
        await client.send((9, 1, Put(b"once")), session=(session, 1, 1))
        assert (await client.answers(1))[9] == PutResult(4)


async def test_consistency_is_per_request_with_a_default_of_the_connection(api: Served) -> None:
    async with aiohttp.ClientSession(api.url) as http, http.ws_connect("/v1/stream?consistency=stale") as socket:
        client = Client(socket)
        await client.send((1, 16, Range(b"a")))
        await client.answers(1)
        await client.send((2, 16, Range(b"a")), consistency=1)
        await client.answers(1)
        assert api.service.barriers == [2, 1]
        api.service.lease_valid = False
        await client.send((3, 16, Range(b"a")), (4, 16, Range(b"a", b"b")), consistency=1)
        await client.answers(2)
        assert sorted(api.service.barriers[2:]) == [0, 0, 1, 1], "a lease that ran out asks the quorum"
        await client.send((5, 16, Range(b"a")), consistency=3)
        assert (await client.answers(1))[5].error == "InvalidArgument"


@pytest.mark.parametrize(
    ("kind", "payload", "error"),
    [
        (1, Put(b""), "EmptyKey"),
        (1, 7, "MalformedBody"),
        (1, [b"k", 7], "MalformedBody"),
        (16, 7, "MalformedBody"),
        (16, Range(b""), "EmptyKey"),
        (16, Range(b"a", revision=-1), "InvalidArgument"),
        (16, Range(b"a", b"b", revision=-1), "InvalidArgument"),
        (int(CommandKind.TXN), Txn((), (Operation(range=Range(b"a", revision=-1)),)), "InvalidArgument"),
        (int(CommandKind.LEASE_GRANT), LeaseGrant(0), "InvalidArgument"),
        (int(CommandKind.LEASE_GRANT), LeaseGrant(-1), "InvalidArgument"),
        (int(CommandKind.LEASE_EXPIRE), LeaseExpire((1,)), "InvalidArgument"),
        (0, 7, "InvalidArgument"),
        (-1, 7, "InvalidArgument"),
        (10**6, 7, "InvalidArgument"),
        (1, Put(b"k" * 2**20), "KeyTooLarge"),
    ],
)
async def test_a_bad_request_fails_alone(client: Client, api: Served, kind: int, payload: Any, error: str) -> None:
    await client.send((1, kind, payload), (2, 1, Put(b"good")))
    found = await client.answers(2)
    assert (type(found[1]), found[1].error) == (StreamFailure, error)
    assert found[1].leader_client_url == "http://127.0.0.1:2"
    assert found[2] == PutResult(2)


@pytest.mark.parametrize("session", [(-1, 1, 1), (2**63, 1, 1), (1, 1, 2), (1, -1, -1), (0, 2**63, 0)])
async def test_session_numbers_out_of_range_are_refused(client: Client, session: tuple[int, int, int]) -> None:
    await client.send((1, 1, Put(b"a")), session=session)
    assert (await client.answers(1))[1].error == "InvalidArgument"


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01\x02", b"{}", _pack({"a": 1}), _pack([[1, 1]]), _pack([["x", 1, 0, 0, 0, 0, []]]),
                                  b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff"])
async def test_what_is_no_message_closes_the_stream(client: Client, api: Served, data: bytes) -> None:
    await client.socket.send_bytes(data)
    message = await client.socket.receive(timeout=5)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1007)
    assert api.service.entries == []


async def test_text_closes_the_stream_and_oversize_too(serve: Serve) -> None:
    api = await serve(stream_message_bytes_max=1000)
    async with aiohttp.ClientSession(api.url) as http:
        async with http.ws_connect("/v1/stream") as socket:
            await socket.send_str("[]")
            assert (await socket.receive(timeout=5)).data == 1007
        async with http.ws_connect("/v1/stream") as socket:
            await socket.send_bytes(bytes(2000))
            assert (await socket.receive(timeout=5)).data == 1009
        async with http.get("/v1/stream") as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("header", "value", "field"),
    [
        ("Sec-WebSocket-Version", "8", "sec-websocket-version"),
        ("Sec-WebSocket-Key", "c2hvcnQ=", "sec-websocket-key"),
        ("Sec-WebSocket-Key", "***", "sec-websocket-key"),
        ("Upgrade", "h2c", "WebSocket"),
    ],
)
async def test_an_upgrade_that_is_none_is_refused_by_the_field(api: Served, header: str, value: str, field: str) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="}
    async with aiohttp.ClientSession(api.url) as http, http.get("/v1/stream", headers={**headers, header: value}) as answer:
        found = await answer.json()
        assert (answer.status, found["error"]) == (400, "InvalidArgument") and field in found["message"]


async def test_pings_are_answered_and_a_goodbye_is_returned_with_its_code(client: Client) -> None:
    await client.socket.ping(b"there?")
    await client.send((1, 16, Range(b"a")))
    assert (await client.answers(1))[1] == RangeResult(1, [], 0)
    assert await client.socket.close(code=4000, message=b"enough")
    assert client.socket.close_code == 4000


async def test_a_message_in_fragments_is_one_message(client: Client, api: Served) -> None:
    data = _pack([(1, 1, 0, 0, 0, 0, Put(b"a", b"v"))])
    writer = client.socket._writer
    for opcode, part in ((0x02, data[:3]), (0x80, data[3:])):
        masked = bytes((opcode, 0x80 | len(part))) + bytes(4) + part
        writer.transport.write(masked)  # type: ignore[union-attr]
    assert (await client.answers(1))[1] == PutResult(2)


async def test_a_frame_without_a_mask_breaks_the_protocol(client: Client) -> None:
    client.socket._writer.transport.write(b"\x82\x01\x90")  # type: ignore[union-attr]
    assert (await client.socket.receive(timeout=5)).data == 1002


async def test_a_silent_client_is_asked_and_then_taken_for_gone(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_socket, "HEARTBEAT_S", 0.05)
    async with aiohttp.ClientSession(api.url) as http, http.ws_connect("/v1/stream", autoping=False) as socket:
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.PING
        await socket.pong(b"")
        async with asyncio.timeout(5):
            while (message := await socket.receive()).type is aiohttp.WSMsgType.PING:
                """It does not answer again."""
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE)
    assert api.telemetry.api_streams.read() == 0


async def test_reading_stops_when_too_many_are_open(serve: Serve) -> None:
    api = await serve(stream_inflight_max=10)
    api.service.hold_writes = True
    async with aiohttp.ClientSession(api.url) as http, http.ws_connect("/v1/stream") as socket:
        client = Client(socket)
        await client.send(*[(number, 1, Put(b"k%d" % number)) for number in range(35)])
        await asyncio.sleep(0.05)
        assert len(api.service.deadlines) == 10
        api.service.release()
        assert len(await client.answers(35)) == 35
    assert api.telemetry.api_limit_hits.values[("stream_inflight_max",)] >= 1


async def test_a_stream_that_nobody_reads_is_cut_off(serve: Serve) -> None:
    api = await serve(write_timeout_ms=300, write_buffer_bytes_max=65536)
    async with aiohttp.ClientSession(api.url) as http:
        async with http.post("/v1/put", json={"key": "a", "value": "v" * 200_000, "encoding": "text"}):
            pass
        async with http.ws_connect("/v1/stream", max_msg_size=0) as socket:
            client = Client(socket)
            transport = socket._response.connection.transport  # type: ignore[union-attr]
            transport.pause_reading()  # type: ignore[union-attr]
            with pytest.raises((ConnectionError, TimeoutError)):
                async with asyncio.timeout(3):
                    for number in range(100_000):
                        await client.send((number, 16, Range(b"a")))
                        await asyncio.sleep(0)
            async with asyncio.timeout(5):
                while api.telemetry.api_streams.read():
                    await asyncio.sleep(0.05)
    assert api.telemetry.api_limit_hits.values[("write_timeout_ms",)] == 1


async def test_failures_of_the_replica_reach_the_request(client: Client, api: Served) -> None:
    api.service.refuse_writes = ServiceError("LeadershipLost", "the outcome is unknown")
    api.service.refuse_reads = ServiceError("NoLeader", "ask again")
    await client.send((1, 1, Put(b"a")), (2, 16, Range(b"a")), (3, 16, Range(b"a", b"c")))
    found = await client.answers(3)
    assert [found[number].error for number in (1, 2, 3)] == ["LeadershipLost", "NoLeader", "NoLeader"]


async def test_a_shutdown_completes_what_is_open_and_says_goodbye(client: Client, api: Served) -> None:
    api.service.hold_writes = True
    await client.send((1, 1, Put(b"a")))
    await asyncio.sleep(0.02)
    closing = asyncio.create_task(api.server.close())
    await asyncio.sleep(0.02)
    api.service.release()
    assert (await client.answers(1))[1] == PutResult(2)
    assert (await client.socket.receive(timeout=5)).data == 1001
    await closing


async def test_the_applications_commands_are_followed_in_order(api: Served) -> None:
    for number in range(3):
        payload = _pack(b"command %d" % number)
        await api.service.execute(Command(int(CommandKind.PUT), 1, 0, 0, 0, "", 0, msgspec.Raw(_pack(Put(b"k")))))
        await api.service.execute(Command(int(CommandKind.APPLICATION), 1, 0, 0, 0, "", 0, msgspec.Raw(payload)))
    async with aiohttp.ClientSession(api.url) as http:
        async with http.get("/v1/apply?from=3") as response:
            lines = [(await response.content.readline()).decode().rstrip() for _ in range(4)]
        assert lines[:2] == ["id: 4.0", "event: entry"]
        assert msgspec.json.decode(lines[2][6:])["payload"] == "Y29tbWFuZCAx"
        async with http.get("/v1/apply", headers={"last-event-id": "4.0"}) as response:
            assert (await response.content.readline()).decode() == "id: 6.0\n"
        async with http.ws_connect("/v1/apply?from=1") as socket:
            assert [(await socket.receive_json())["index"] for _ in range(3)] == ["2", "4", "6"]
        async with http.get("/v1/apply", headers={"last-event-id": "4"}) as response:
            assert (response.status, (await response.json())["error"]) == (400, "InvalidArgument")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
def test_frames_have_the_shortest_length(size: int) -> None:
    data = frame(bytes(size))
    header = 2 if size < 126 else 4 if size < 65536 else 10
    assert (len(data), data[0]) == (header + size, 0x82)
    assert size == (data[1] if header == 2 else int.from_bytes(data[2:header], "big"))


async def test_a_client_that_hangs_up_before_the_upgrade_is_answered_is_no_error(
    api: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def gone(*_: object) -> None:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    async with aiohttp.ClientSession(api.url) as http:
        with monkeypatch.context() as patched:
            patched.setattr("quorate_node.api.http.stream.upgrade", gone)
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect("/v1/stream")
        assert [record for record in caplog.records if record.levelname == "ERROR"] == []
        async with http.ws_connect("/v1/stream") as socket:
            assert not socket.closed
