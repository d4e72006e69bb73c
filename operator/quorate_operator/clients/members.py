"""Members, asked one by one at their pods' own addresses: a Service would lead to any of them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, TypeVar

import aiohttp
import msgspec

from quorate.answers import Empty, ErrorAnswer, LeaderInfo, Members, Restored, Status
from quorate_operator.clients.errors import MemberFailure, in_words

ASK_TIMEOUT_S = 2.0
CHANGE_TIMEOUT_S = 15.0
ANSWER_BYTES_MAX = 1 << 20
CONNECTIONS_MAX = 200
Shape = TypeVar("Shape")


class MemberApi:
    """Raises `MemberFailure` from every call. Nothing is ever sent twice: the next reconcile sees what came of it."""

    def __init__(self) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=CHANGE_TIMEOUT_S),
        )

    async def close(self) -> None:
        await self._http.close()

    async def status(self, url: str, tls: ssl.SSLContext | None = None) -> Status:
        return await self._call("GET", url, "/v1/status", Status, tls)

    async def members(self, url: str, tls: ssl.SSLContext | None = None) -> Members:
        """As the leader at `url` knows them, which a quorum has confirmed to lead: a deposed one would tell an old story."""
        members = await self._call("GET", url, "/v1/members", Members, tls)
        await self._call("POST", url, "/v1/range", Empty, tls, body={"key": "AA==", "count_only": True})
        return members

    async def bootstrap(self, url: str, token: str, tls: ssl.SSLContext | None = None) -> None:
        await self._call("POST", url, "/v1/bootstrap", Restored, tls, body={"token": token}, timeout_s=CHANGE_TIMEOUT_S)

    async def promote(self, url: str, member_id: int, configuration_index: int, tls: ssl.SSLContext | None = None) -> None:
        body = {"expected_configuration_index": str(configuration_index)}
        await self._call("POST", url, f"/v1/members/{member_id}/promote", Empty, tls, body=body, timeout_s=CHANGE_TIMEOUT_S)

    async def remove(self, url: str, member_id: int, configuration_index: int, tls: ssl.SSLContext | None = None) -> None:
        query = {"expected_configuration_index": str(configuration_index)}
        await self._call("DELETE", url, f"/v1/members/{member_id}", Empty, tls, query=query, timeout_s=CHANGE_TIMEOUT_S)

    async def transfer(self, url: str, to: int, tls: ssl.SSLContext | None = None) -> None:
        await self._call("POST", url, "/v1/leader/transfer", LeaderInfo, tls, body={"to": str(to)}, timeout_s=CHANGE_TIMEOUT_S)

    async def _call(
        self,
        method: str,
        url: str,
        path: str,
        shape: type[Shape],
        tls: ssl.SSLContext | None,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        timeout_s: float = ASK_TIMEOUT_S,
    ) -> Shape:
        what = f"{method} {path} of {url}"
        try:
            async with self._http.request(
                method,
                url + path,
                data=None if body is None else msgspec.json.encode(body),
                headers={"Content-Type": "application/json"},
                params=query,
                ssl=tls if tls is not None else True,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                data = await _whole(response, what)
                if response.status >= 300:
                    raise _refusal(response.status, data, what)
                return msgspec.json.decode(data, type=shape, strict=False)
        except msgspec.MsgspecError as wrong:
            raise MemberFailure("MalformedAnswer", f"{what}: {wrong}: is this a member of a supported release?") from wrong
        except (TimeoutError, aiohttp.ClientError, OSError) as wrong:
            raise MemberFailure("Unreachable", f"{what}: {in_words(wrong)}") from wrong


async def _whole(response: aiohttp.ClientResponse, what: str) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > ANSWER_BYTES_MAX:
            raise MemberFailure("MalformedAnswer", f"{what}: the answer has more than {ANSWER_BYTES_MAX} bytes")
    return bytes(data)


def _refusal(status: int, data: bytes, what: str) -> MemberFailure:
    try:
        answer = msgspec.json.decode(data, type=ErrorAnswer, strict=False)
    except msgspec.MsgspecError:
        return MemberFailure(f"Http{status}", f"{what}: HTTP {status} without an error of this API")
    return MemberFailure(answer.error, f"{what}: {answer.message}")
