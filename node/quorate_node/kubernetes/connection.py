"""One request to the API server, and its answer or the exact reason why there is none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from quorate_node.kubernetes.credentials import Credentials, Surroundings
from quorate_node.kubernetes.errors import ApiError, ApiUnreachable, refusal
from quorate_node.kubernetes.settings import ApiServerSettings

USER_AGENT = "quorate-node"


class Connection:
    """A pool of connections, opened when needed. `close` once at the end."""

    def __init__(self, surroundings: Surroundings, settings: ApiServerSettings) -> None:
        self._url = surroundings.url
        self._credentials = Credentials(surroundings)
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=8, socket_factory=self._socket)
            # What is not compressed cannot unfold into more than was sent.
            headers = {"user-agent": USER_AGENT, "accept": "application/json", "accept-encoding": "identity"}
            self._session = aiohttp.ClientSession(connector=connector, headers=headers, trust_env=False)
        return self._session

    def _socket(self, address: Any) -> socket.socket:
        """An API server whose machine vanished sends nothing: the kernel finds it out, for a watch that only listens too."""
        family, kind, protocol, _, _ = address
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, self._settings.keepalive_s)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, self._settings.keepalive_s)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
        return opened

    async def call(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, content_type: str = "application/json"
    ) -> Any:
        """The decoded answer. Raises `ApiError` and `ApiUnreachable`, and `NotInKubernetes` without a token."""
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if data is None else {"content-type": content_type}
        timeout = aiohttp.ClientTimeout(total=self._settings.request_timeout_s, sock_connect=self._settings.connect_timeout_s)
        async with self._answer(method, path, query or {}, data, headers, timeout) as response:
            text = await self._body(response)
            try:
                return msgspec.json.decode(text)
            except msgspec.DecodeError as error:
                raise ApiUnreachable(f"{method} {path}: the answer is no JSON: {error}") from error

    @asynccontextmanager
    async def stream(self, path: str, query: dict[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """Pieces of a body that goes on. Entering raises as `call` does; the pieces end, or raise `ApiUnreachable`."""
        settings = self._settings
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout_s, sock_read=settings.watch_idle_timeout_s)
        async with self._answer("GET", path, query, None, {}, timeout) as response:
            yield self._pieces(path, response)

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, query: dict[str, str], data: bytes | None, headers: dict[str, str], timeout: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        token = self._credentials.token()
        context = self._credentials.context()
        url = URL(self._url + path, encoded=True).with_query(query)
        sent = {**headers, "authorization": f"Bearer {token}"}
        try:
            async with self._opened().request(
                method, url, data=data, headers=sent, timeout=timeout, ssl=True if context is None else context, allow_redirects=False
            ) as response:
                if not 200 <= response.status < 300:
                    raise await self._refused(response, token)
                yield response
        except TimeoutError as error:
            raise ApiUnreachable(f"{method} {path}: no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ApiUnreachable(f"{method} {path}: {_without(str(error) or type(error).__name__, token)}") from error

    async def _refused(self, response: aiohttp.ClientResponse, token: str) -> ApiError:
        text = _without((await self._body(response)).decode("utf-8", "replace"), token)
        try:
            status = msgspec.json.decode(text)
        except msgspec.DecodeError:
            status = None
        return refusal(response.status, status, text, response.headers.get("retry-after", ""))

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > self._settings.body_bytes_max:
                raise ApiUnreachable(f"{response.method} {response.url.path}: the answer is over {self._settings.body_bytes_max} bytes")
        return bytes(body)

    async def _pieces(self, path: str, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            async for piece in response.content.iter_any():
                yield piece
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            raise ApiUnreachable(f"GET {path}: nothing was heard for {self._settings.watch_idle_timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ApiUnreachable(f"GET {path}: {str(error) or type(error).__name__}") from error


def _without(text: str, token: str) -> str:
    return text.replace(token, "(token)")
