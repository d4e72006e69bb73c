"""A WebSocket that is opened again, at another member, after any failure. Shared by watches and followers of the ordered log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import aiohttp

from quorate.exceptions import ClientClosed
from quorate.failures import in_words
from quorate.http_calls import HttpCalls, error_of
from quorate.request import SILENT_RETRIES

CLOSE_TIMEOUT_S = 0.25
"""How long a goodbye may take: a lock that is ours now must not wait for a frozen member's close frame."""


class SocketEnded(Exception):
    """The connection is gone; `reason` says how, in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Reconnecting:
    """`socket` gives the open connection or makes one, resting between tries; `failed` gives it up."""

    def __init__(
        self,
        calls: HttpCalls,
        path: str,
        hello: Callable[[], bytes | None],
        query: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.timeout_s = calls.options.timeout_s
        self.last_failure = ""
        self._calls = calls
        self._path = path
        self._hello = hello
        self._query = query
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._url = ""
        self._attempt = 0
        self._closed = False

    async def socket(self) -> aiohttp.ClientWebSocketResponse:
        """Raises an `ApiError` when a member refuses for good, `ClientClosed` after `close`."""
        while self._socket is None:
            if self._closed or self._calls.http.closed:
                raise ClientClosed(f"{self._path}: closed")
            loop = asyncio.get_running_loop()
            # Any member serves these: spreading them keeps the load off the leader.
            url, wait_s = self._calls.endpoints.choose(loop.time(), prefer_leader=False, avoid=[self._url] if self._attempt else [])
            await asyncio.sleep(max(wait_s, self._calls.options.backoff.delay_s(self._attempt - 1) if self._attempt else 0.0))
            self._url = url
            try:
                await self._open(url)
            except (TimeoutError, aiohttp.ClientError, OSError) as failed:
                await self.failed(f"{url}: {in_words(failed)}")
        return self._socket

    async def _open(self, url: str) -> None:
        options = self._calls.options
        async with asyncio.timeout(options.connect_timeout_s):
            try:
                socket = await self._calls.http.ws_connect(
                    url + self._path,
                    params=self._query(),
                    heartbeat=options.heartbeat_s,
                    max_msg_size=options.message_bytes_max,
                    compress=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                )
            except aiohttp.WSServerHandshakeError as refused:
                await self._explain(url, refused)
                raise
            hello = self._hello()
            if hello is not None:
                await socket.send_str(hello.decode())
        self._socket = socket

    async def _explain(self, url: str, refused: aiohttp.WSServerHandshakeError) -> None:
        """The upgrade was refused: ask again without it, for the error in words. Raises it when trying again cannot help."""
        async with self._calls.http.get(url + self._path, params=self._query()) as answer:
            if answer.status < 300:
                return
            error = error_of(await answer.content.read(64 * 1024), answer.status, f"GET {self._path} of {url}")
            if getattr(error, "error", "") not in SILENT_RETRIES:
                raise error from refused

    async def receive(self, socket: aiohttp.ClientWebSocketResponse) -> bytes:
        """The next message. Raises `SocketEnded`."""
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            data: str = message.data
            return data.encode()
        if message.type is aiohttp.WSMsgType.BINARY:
            content: bytes = message.data
            return content
        raise SocketEnded(f"{self._url} closed {self._path} (code {socket.close_code}, {message.type.name.lower()})")

    def succeeded(self) -> None:
        """The member serves us: the next failure starts the back-off anew."""
        self._attempt = 0
        self._calls.endpoints.succeeded(self._url)

    async def failed(self, reason: str, leader_url: str = "") -> None:
        """Give the connection up; the next `socket` makes another, at another member."""
        self.last_failure = reason
        self._attempt += 1
        self._calls.endpoints.failed(self._url, asyncio.get_running_loop().time())
        if leader_url:
            self._calls.endpoints.set_leader(leader_url)
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def close(self) -> None:
        self._closed = True
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
