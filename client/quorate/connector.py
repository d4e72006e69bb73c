"""Keeps one stream to the best member: the leader when it can be reached, else any. Reconnects on demand, never by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import aiohttp
import msgspec

from quorate.endpoints import Endpoints
from quorate.failures import hung_up, in_words
from quorate.options import Options
from quorate.stream_connection import StreamConnection


class _LeaderAnswer(msgspec.Struct):
    client_url: str = ""


_decode_leader = msgspec.json.Decoder(_LeaderAnswer).decode


class Connector:
    """`current` is the connection to use, or None: then `want` starts connecting, and `on_connected` is called when one is there."""

    def __init__(self, http: aiohttp.ClientSession, endpoints: Endpoints, options: Options) -> None:
        self.current: StreamConnection | None = None
        self.on_connected: Callable[[], None] = lambda: None
        self.last_failure = ""
        self._http = http
        self._endpoints = endpoints
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._connecting: asyncio.Task[None] | None = None
        self._finding: asyncio.Task[None] | None = None
        self._checked_s = float("-inf")
        self._avoid = ""
        self._open: set[StreamConnection] = set()
        self._closed = False

    def want(self) -> None:
        """A request waits for a connection."""
        if self._connecting is None and not self._closed:
            self._connecting = self._loop.create_task(self._connect())

    def used(self) -> None:
        """The stream is in use: once in a while, see whether another member leads now."""
        if self._options.prefer_leader and self._loop.time() - self._checked_s > self._options.leader_check_s:
            self.look_for_leader()

    def look_for_leader(self) -> None:
        if self._options.prefer_leader and self._finding is None and not self._closed and self.current is not None:
            self._finding = self._loop.create_task(self._find_leader(self.current))

    def avoid(self, connection: StreamConnection, leader_url: str) -> None:
        """This member cannot serve: go to the leader it named, or to any other. What is open on it may still be answered."""
        if leader_url:
            self._endpoints.set_leader(leader_url)
        if connection is not self.current or self._endpoints.leader == connection.url:
            return
        self._endpoints.failed(connection.url, self._loop.time())
        self._avoid = connection.url
        self.current = None
        connection.retire()

    async def close(self) -> None:
        self._closed = True
        self.current = None
        tasks = [task for task in (self._connecting, self._finding) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(connection.close() for connection in list(self._open)))

    async def _connect(self) -> None:
        """Try members until one takes us. The callers' deadlines bound how long anybody waits for it; it rests between tries."""
        try:
            while self.current is None or self.current.closed:
                self._take(await self._race())
        finally:
            self._connecting = None
        self.on_connected()
        self.used()

    async def _race(self) -> StreamConnection:
        """Ask the best member, and another each time nobody has answered for `hedge_s`: a frozen one accepts and then says nothing.

        One that failed is asked again after its rest, whatever others are still asked: while one hangs for all of `connect_timeout_s`
        (its pod has gone, its address is remembered), another whose name was unknown a moment ago may have come.
        """
        trying: dict[asyncio.Task[StreamConnection | None], str] = {}
        failed: set[str] = set()
        try:
            while True:
                url, wait_s = self._next(trying.values(), failed)
                if wait_s == 0:
                    trying[self._loop.create_task(self._open_stream(url))] = url
                    wait_s = self._options.hedge_s
                elif not trying:
                    await asyncio.sleep(wait_s)
                    continue
                done, _ = await asyncio.wait(trying, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                answers = [(trying.pop(task), task.result()) for task in done]
                failed.update(url for url, connection in answers if connection is None)
                opened = [connection for _, connection in answers if connection is not None]
                for spare in opened[1:]:
                    spare.retire()
                if opened:
                    return opened[0]
        finally:
            for task in trying:
                task.cancel()
            for late in await asyncio.gather(*trying, return_exceptions=True):
                if isinstance(late, StreamConnection):
                    late.retire()

    def _next(self, under_way: Collection[str], failed: Collection[str]) -> tuple[str, float]:
        """Whom to ask, and how long to wait before that. One that cannot serve (`_avoid`) is the last resort: it answers at once."""
        others = {url for url in self._endpoints.urls if url != self._avoid}
        avoid = [*under_way, *([self._avoid] if self._avoid and not others.issubset(failed) else [])]
        url, wait_s = self._endpoints.choose(self._loop.time(), prefer_leader=self._options.prefer_leader, avoid=avoid)
        return (url, self._options.connect_timeout_s) if url in avoid else (url, wait_s)

    async def _open_stream(self, url: str) -> StreamConnection | None:
        try:
            async with asyncio.timeout(self._options.connect_timeout_s):
                connection = await StreamConnection.open(
                    self._http,
                    url,
                    consistency=self._options.consistency,
                    heartbeat_s=self._options.heartbeat_s,
                    message_bytes_max=self._options.message_bytes_max,
                    on_closed=self._on_closed,
                )
        except TimeoutError:
            self.last_failure = f"{url} did not answer within {self._options.connect_timeout_s} s (connect_timeout_s)"
        except (aiohttp.ClientError, OSError) as failed:
            hint = "; check whether it wants TLS (https) or a client's certificate" if hung_up(failed) else ""
            self.last_failure = f"{url}: {in_words(failed)}{hint}"
        else:
            self._open.add(connection)
            self._endpoints.succeeded(url)
            self.last_failure = ""
            return connection
        self._endpoints.failed(url, self._loop.time())
        return None

    def _take(self, connection: StreamConnection) -> None:
        before, self.current = self.current, connection
        self._avoid = ""
        if before is not None and before is not connection:
            before.retire()

    def _on_closed(self, connection: StreamConnection) -> None:
        self._open.discard(connection)
        if connection is self.current:
            self.current = None
            self._endpoints.failed(connection.url, self._loop.time())

    async def _find_leader(self, connection: StreamConnection) -> None:
        """Ask who leads, and move there. A failure here costs nothing: the present member forwards what we send."""
        try:
            self._checked_s = self._loop.time()
            async with asyncio.timeout(self._options.connect_timeout_s):
                async with self._http.get(f"{connection.url}/v1/leader") as answer:
                    if answer.status != 200:
                        return
                    self._endpoints.set_leader(_decode_leader(await answer.read()).client_url)
            leader = self._endpoints.leader
            if leader and leader != connection.url and self.current is connection:
                moved = await self._open_stream(leader)
                if moved is not None:
                    self._take(moved)
        except (TimeoutError, aiohttp.ClientError, OSError, msgspec.MsgspecError) as failed:
            self.last_failure = f"{connection.url}/v1/leader: {failed}"
        finally:
            self._finding = None
