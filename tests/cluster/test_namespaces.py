"""The networks of a campaign, with real packets: what a wire is told to do happens, in that direction alone, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.campaign.impairment import Impairment
from tests.cluster.campaign.namespaces import Namespaces, ip, remove_leftovers, why_not
from tests.cluster.campaign.wires import Wires

pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can run here")]

PORT = 7000
ECHO = """
import socket
listener = socket.create_server(("0.0.0.0", 7000))
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(65536):
        connection.sendall(data)
"""
CUT = Impairment(drop=True)
TRIES = 7


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    with Namespaces(2) as made:
        yield made


@pytest.fixture
async def wires(namespaces: Namespaces) -> AsyncIterator[Wires]:
    made = Wires(namespaces, seed=1)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def connection(namespaces: Namespaces) -> Iterator[socket.socket]:
    """From namespace 0 to an echo in namespace 1."""
    with subprocess.Popen([*namespaces.prefix(1), sys.executable, "-c", ECHO], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None and server.stdout.readline() == b"ready\n"
        made = namespaces.connected(0, (namespaces.address(1), PORT), 5.0)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield made
        made.close()
        server.kill()


async def round_trip_s(connection: socket.socket, timeout_s: float = 30.0) -> float:
    def there_and_back() -> float:
        connection.settimeout(timeout_s)
        begun_s = time.monotonic()
        connection.sendall(b"x" * 100)
        received = 0
        while received < 100:
            received += len(connection.recv(100 - received))
        return time.monotonic() - begun_s

    return await asyncio.to_thread(there_and_back)


async def fastest_s(connection: socket.socket) -> float:
    """Of several round trips: what the wires make of it, and not a machine that does other things as well."""
    return min([await round_trip_s(connection) for _ in range(TRIES)])


async def test_a_delay_is_on_one_direction_and_goes_away(wires: Wires, connection: socket.socket) -> None:
    assert await fastest_s(connection) < 0.25
    await wires.impair("slow", {(1, 0): Impairment(delay_ms=300.0)})
    assert 0.3 <= await fastest_s(connection) < 0.6
    await wires.impair("slow too", {(0, 1): Impairment(delay_ms=200.0)})
    assert await fastest_s(connection) >= 0.5
    await wires.clear("slow")
    await wires.clear("slow too")
    assert await fastest_s(connection) < 0.25


@pytest.mark.parametrize("direction", [(0, 1), (1, 0)])
async def test_a_cut_holds_all_back_until_it_heals_and_the_connection_lives(
    direction: tuple[int, int], wires: Wires, connection: socket.socket
) -> None:
    await wires.impair("cut", {direction: CUT})
    with pytest.raises(TimeoutError):
        await round_trip_s(connection, timeout_s=0.7)
    await wires.clear("cut")
    connection.settimeout(30.0)
    received = b""
    while len(received) < 100:
        received += await asyncio.to_thread(connection.recv, 100)
    assert await fastest_s(connection) < 1.0


async def test_loss_duplicates_and_disorder_are_mended_by_tcp_at_the_price_of_time(wires: Wires, connection: socket.socket) -> None:
    await wires.impair("bad", {(0, 1): Impairment(loss=0.3, duplicate=0.3, reorder=0.3, delay_ms=2.0)})
    took_s = [await round_trip_s(connection) for _ in range(20)]
    assert max(took_s) > 0.1, f"no packet was lost in {took_s}"


async def test_a_cable_that_is_out_cuts_the_driver_off_too(namespaces: Namespaces, connection: socket.socket) -> None:
    namespaces.unplug(1)
    with pytest.raises(OSError), socket.create_connection((namespaces.address(1), PORT), 0.5):
        pass
    namespaces.plug(1)
    assert await fastest_s(connection) < 5.0


def test_nothing_is_left_behind() -> None:
    with Namespaces(3) as made:
        process = subprocess.Popen([*made.prefix(2), "sleep", "600"])
        assert made.name(2) in ip("netns", "list")
    assert process.wait(30.0) != 0, "a process in a namespace ends with it"
    listed = ip("netns", "list") + ip("-o", "link", "show")
    assert f"qc{os.getpid()}" not in listed


def test_what_a_killed_driver_left_is_removed_by_the_next() -> None:
    program = "import os, signal, sys\nfrom tests.cluster.campaign.namespaces import Namespaces\nwith Namespaces(1) as made:\n"
    program += "    print(made.name(0), flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    repository = Path(__file__).resolve().parents[2]
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=repository)
    name = killed.stdout.strip()
    assert name and name in ip("netns", "list")
    remove_leftovers()
    assert name not in ip("netns", "list")
