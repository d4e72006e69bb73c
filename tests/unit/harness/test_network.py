"""The wires of the fault tests: what a cut holds back, in which direction, and that healing loses nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from tests.cluster.harness.network import Network
from tests.cluster.ports import free_ports


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1024):
        writer.write(data.upper())
    writer.close()


class Wires:
    """Member 0 is this process, which dials; member 1 is an echo server that answers in capitals."""

    def __init__(self) -> None:
        proxy_ports, member_ports = free_ports(2), free_ports(2)
        self.port = proxy_ports[1]
        self.echo_port = member_ports[1]
        self.network = Network(proxy_ports, member_ports, lambda: {0: os.getpid()})

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@pytest.fixture
async def wires() -> AsyncIterator[Wires]:
    made = Wires()
    server = await asyncio.start_server(echo, "127.0.0.1", made.echo_port)
    await made.network.start()
    yield made
    await made.network.close()
    server.close()


async def answers(reader: asyncio.StreamReader, within_s: float = 0.3) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(100), within_s)
    except TimeoutError:
        return b"(silence)"


async def test_all_passes_until_it_is_cut(wires: Wires) -> None:
    reader, writer = await wires.dial()
    writer.write(b"one")
    assert await answers(reader, 5.0) == b"ONE"


@pytest.mark.parametrize("pair", [(0, 1), (1, 0)])
async def test_a_cut_either_way_is_silence_and_healing_brings_what_was_held(wires: Wires, pair: tuple[int, int]) -> None:
    reader, writer = await wires.dial()
    writer.write(b"one")
    assert await answers(reader, 5.0) == b"ONE"
    wires.network.cut([pair])
    writer.write(b"two")
    assert await answers(reader) == b"(silence)"
    wires.network.heal()
    assert await answers(reader, 5.0) == b"TWO"


async def test_a_cut_between_others_changes_nothing(wires: Wires) -> None:
    wires.network.cut([(2, 1), (1, 2)])
    reader, writer = await wires.dial()
    writer.write(b"one")
    assert await answers(reader, 5.0) == b"ONE"


async def test_a_new_connection_over_a_cut_is_not_answered(wires: Wires) -> None:
    wires.network.isolate(1)
    reader, writer = await wires.dial()
    writer.write(b"one")
    assert await answers(reader) == b"(silence)"
    wires.network.heal()
    assert await answers(reader, 5.0) == b"ONE"


async def test_the_end_of_a_connection_passes_too(wires: Wires) -> None:
    reader, writer = await wires.dial()
    writer.write(b"one")
    assert await answers(reader, 5.0) == b"ONE"
    writer.write_eof()
    assert await answers(reader, 5.0) == b""


async def test_nobody_listening_is_a_broken_connection(wires: Wires) -> None:
    reader, _ = await asyncio.open_connection("127.0.0.1", wires.network._proxy_ports[0])
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(reader.read(1), 5.0)
