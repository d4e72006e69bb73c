"""The load generators: what they send is what the protocols say, and a failed or lost request never counts as a fast one."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from quorate.wire.commands import Put
from quorate.wire.stream import StreamRequest
from tests.benchmarks.load.grpc import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, GrpcConnection, frame, header_blocks
from tests.benchmarks.load.http import HttpConnection
from tests.benchmarks.load.recorder import Recorder, Sample
from tests.benchmarks.load.stream import StreamConnection, array_head, websocket_frame
from tests.benchmarks.load.workload import Workload

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WORKLOAD = Workload.make(keys=20)


async def driven(handler: Handler, connection: Callable[[Recorder], asyncio.Protocol], seconds: float = 0.1) -> tuple[Recorder, Sample]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    recorder = Recorder()
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: connection(recorder), host, port)
    try:
        return recorder, await recorder.measure(seconds)
    finally:
        recorder.running = False
        transport.abort()
        server.close()


def answering(answer: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _request(reader):
            assert head.startswith(b"POST /v1/put HTTP/1.1\r\n")
            writer.write(answer)

    return handler


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
    body = await reader.readexactly(length)
    assert not body or msgspec.json.decode(body)["key"]
    return head


async def test_http_counts_answers_and_their_latency() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    _, sample = await driven(answering(answer), lambda recorder: HttpConnection(recorder, WORKLOAD.http_puts("h"), 0))
    assert sample.operations == len(sample.latencies_s) > 10
    assert 0 < sample.percentile_ms(0.5) <= sample.percentile_ms(0.99)
    assert sample.failures == 0


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", "503 Busy"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Content-Length"),
    ],
)
async def test_http_never_counts_a_failure_as_an_answer(answer: bytes, fault: str) -> None:
    with pytest.raises((RuntimeError, ConnectionError), match=fault):
        await driven(answering(answer), lambda recorder: HttpConnection(recorder, WORKLOAD.http_puts("h"), 0))


async def test_a_lost_connection_voids_the_run() -> None:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    with pytest.raises(ConnectionError, match="lost"):
        await driven(closing, lambda recorder: HttpConnection(recorder, WORKLOAD.http_puts("h"), 0), 5.0)


def stream_server(result: list[object]) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        while True:
            try:
                first, second = await reader.readexactly(2)
                assert (first, second & 0x80) == (0x82, 0x80), "a final, binary, masked frame"
                size = second & 0x7F
                if size == 126:
                    size = struct.unpack(">H", await reader.readexactly(2))[0]
                payload = (await reader.readexactly(4 + size))[4:]
            except asyncio.IncompleteReadError:
                return
            asked = msgspec.msgpack.decode(payload, type=list[StreamRequest])
            assert all(msgspec.msgpack.decode(request.payload, type=Put).key.startswith(b"bench/") for request in asked)
            answer = msgspec.msgpack.encode([[request.id, result] for request in asked])
            assert len(answer) < 65_536
            writer.write(struct.pack(">BBH", 0x82, 126, len(answer)) + answer)

    return handler


async def test_stream_keeps_its_requests_open_and_sends_what_the_wire_types_say() -> None:
    stream = lambda recorder: StreamConnection(recorder, "h", WORKLOAD.stream_puts(), 8, 0)  # noqa: E731
    recorder, sample = await driven(stream_server([1, 7, None]), stream)
    assert sample.operations > 50
    assert recorder.failures == 0


@pytest.mark.parametrize("failure", [[11, "NoSpace", "the disk is full", 0], [12, "NotLeader", "ask m2", 2, "http://m2"]])
async def test_stream_never_counts_a_failure_as_an_answer(failure: list[object]) -> None:
    with pytest.raises(RuntimeError, match="nothing was answered"):
        await driven(stream_server(failure), lambda recorder: StreamConnection(recorder, "h", WORKLOAD.stream_puts(), 8, 0))


async def test_stream_with_a_limit_sends_each_once_and_says_when_it_is_done() -> None:
    seen: list[StreamConnection] = []

    def limited(recorder: Recorder) -> StreamConnection:
        seen.append(StreamConnection(recorder, "h", WORKLOAD.stream_puts(), 8, 0, 20))
        return seen[0]

    _, sample = await driven(stream_server([1, 7, None]), limited, 0.3)
    assert sample.operations <= 20
    await asyncio.wait_for(seen[0].finished.wait(), 1.0)
    assert seen[0]._id == 20


def grpc_server(trailers_only: bool) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(PREFACE)) == PREFACE
        writer.write(frame(SETTINGS, 0, 0, b""))
        blocks = []
        while True:
            try:
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            except asyncio.IncompleteReadError:
                return
            kind, flags, number = head[3], head[4], int.from_bytes(head[5:9], "big")
            if kind == HEADERS:
                blocks.append(payload)
                assert payload == header_blocks(b"/p", b"a")[0 if len(blocks) == 1 else 1]
            elif kind == DATA:
                assert flags & END_STREAM
                assert struct.unpack(">BI", payload[:5]) == (0, len(payload) - 5)
                if trailers_only:
                    writer.write(frame(HEADERS, END_HEADERS | END_STREAM, number, b"\x88"))
                else:
                    message = frame(DATA, 0, number, b"\0\0\0\0\0")
                    writer.write(frame(HEADERS, END_HEADERS, number, b"\x88") + message + frame(HEADERS, 5, number, b"\x88"))

    return handler


async def test_grpc_counts_calls_that_were_answered_with_a_message() -> None:
    calls = lambda recorder: GrpcConnection(recorder, b"/p", b"a", WORKLOAD.etcd_puts(), 4, 0)  # noqa: E731
    recorder, sample = await driven(grpc_server(trailers_only=False), calls)
    assert sample.operations > 20
    assert recorder.failures == 0


async def test_grpc_never_counts_a_failed_call_as_an_answer() -> None:
    with pytest.raises(RuntimeError, match="without a message"):
        await driven(grpc_server(trailers_only=True), lambda recorder: GrpcConnection(recorder, b"/p", b"a", WORKLOAD.etcd_puts(), 4, 0))


def test_the_same_keys_and_values_go_every_way() -> None:
    key, value = WORKLOAD.pairs[0]
    assert len(value) == 256
    assert WORKLOAD.etcd_puts()[0] == b"\x0a" + bytes([len(key)]) + key + b"\x12\x80\x02" + value
    assert [key for key, _ in Workload.make(keys=20).pairs] == [key for key, _ in WORKLOAD.pairs]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_websocket_frames_name_their_size(size: int) -> None:
    made = websocket_frame(2, b"x" * size)
    assert len(made) == size + 4 + (2 if size < 126 else 4 if size < 65_536 else 10)


@pytest.mark.parametrize("count", [1, 15, 16, 256])
def test_array_heads_are_msgpacks(count: int) -> None:
    assert msgspec.msgpack.decode(array_head(count) + b"\x00" * count) == [0] * count
