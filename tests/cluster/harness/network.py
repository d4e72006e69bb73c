"""The wires between members: a TCP proxy in front of each, whose directions can be cut.

A cut holds bytes back, as a network does that loses packets: connections stay open and go on when it heals, new ones are accepted by
nobody that answers. Who dials is found in the kernel's table of sockets, so that a cut can be between two members, or one way only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

CHUNK_BYTES = 65_536
UNKNOWN_DIALLER = -1


def socket_inode(local_port: int, remote_port: int) -> str | None:
    """Inode of the loopback socket with these ports, from /proc/net/tcp; None when it is gone."""
    wanted = (f":{local_port:04X}", f":{remote_port:04X}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(wanted[0]) and fields[2].endswith(wanted[1]):
            return fields[9]
    return None


def holds_socket(pid: int, inode: str) -> bool:
    wanted = f"socket:[{inode}]"
    with contextlib.suppress(OSError):
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if str(Path(descriptor.path).readlink()) == wanted:
                    return True
    return False


class Network:
    """Proxies for members 0 to n-1. `pids` tells the running processes, by member number."""

    def __init__(self, proxy_ports: list[int], member_ports: list[int], pids: Callable[[], dict[int, int]]) -> None:
        self._proxy_ports = proxy_ports
        self._member_ports = member_ports
        self._pids = pids
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut: set[tuple[int, int]] = set()
        self._changed = asyncio.Event()

    async def start(self) -> None:
        for number, port in enumerate(self._proxy_ports):
            self._servers.append(await asyncio.start_server(self._accept_for(number), "127.0.0.1", port))

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Nothing passes any more from the first member of a pair to the second."""
        self._cut |= set(pairs)
        self._wake()

    def isolate(self, number: int) -> None:
        """Cut one member off from all others, both ways. Clients still reach it."""
        others = [other for other in range(len(self._proxy_ports)) if other != number]
        self.cut([(number, other) for other in others] + [(other, number) for other in others])

    def heal(self) -> None:
        self._cut.clear()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _pass(self, source: int, target: int) -> None:
        while (source, target) in self._cut:
            await self._changed.wait()

    def _accept_for(self, target: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._serve(target, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return accepted

    def _dialler(self, port: int, proxy_port: int) -> int:
        inode = socket_inode(port, proxy_port)
        if inode is not None:
            for number, pid in self._pids().items():
                if holds_socket(pid, inode):
                    return number
        return UNKNOWN_DIALLER

    async def _serve(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = await asyncio.to_thread(self._dialler, writer.get_extra_info("peername")[1], self._proxy_ports[target])
        try:
            await self._pass(source, target)
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._member_ports[target])
        except OSError:
            # Nobody listens there: the dialler learns it as a reset (a linger time of zero), not as an orderly end.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, onward_writer, source, target))
                group.create_task(self._pump(onward_reader, writer, target, source))
        finally:
            writer.transport.abort()
            onward_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: int, target: int) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                await self._pass(source, target)
                writer.write(data)
                await writer.drain()
        await self._pass(source, target)
        if writer.can_write_eof() and not writer.is_closing():
            with contextlib.suppress(OSError):
                writer.write_eof()
