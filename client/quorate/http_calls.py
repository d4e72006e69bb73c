"""JSON calls over HTTP: any member, the next one when it fails, within the call's deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import aiohttp
import msgspec

from quorate.answers import ErrorAnswer
from quorate.endpoints import Endpoints
from quorate.exceptions import ApiError, DeadlineExceeded, Leader, MalformedAnswer, OutcomeUnknown, QuorateError, Unreachable, from_answer
from quorate.failures import in_words
from quorate.options import Options
from quorate.request import ELSEWHERE, SILENT_RETRIES

Answer = TypeVar("Answer")
_decode_error = msgspec.json.Decoder(ErrorAnswer, strict=False).decode
_encode = msgspec.json.Encoder().encode


def read_answer(data: bytes, shape: type[Answer], what: str) -> Answer:
    """Decode JSON into `shape`. Raises `MalformedAnswer`."""
    try:
        return msgspec.json.decode(data, type=shape, strict=False)
    except msgspec.MsgspecError as wrong:
        raise MalformedAnswer(f"{what}: {wrong}; check that the endpoint is a Quorate member of a supported release") from wrong


def error_of(data: bytes, status: int, what: str) -> QuorateError:
    """The exception for a body that is not a success."""
    try:
        answer = _decode_error(data)
    except msgspec.MsgspecError:
        return MalformedAnswer(f"{what}: HTTP {status} without an error of this API; check that the endpoint is a Quorate member")
    leader = None if answer.leader is None else Leader(answer.leader.member_id, answer.leader.client_url)
    return from_answer(answer.error, answer.message, leader=leader, request_id=answer.request_id)


class HttpCalls:
    def __init__(self, http: aiohttp.ClientSession, endpoints: Endpoints, options: Options) -> None:
        self.http = http
        self.endpoints = endpoints
        self.options = options
        self._loop = asyncio.get_running_loop()

    async def call(
        self,
        method: str,
        path: str,
        shape: type[Answer],
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        safe: bool = True,
        endpoint: str | None = None,
        final: frozenset[str] = frozenset(),
    ) -> Answer:
        """Ask until answered. `safe` False: never ask twice when the first may have been carried out (raises `OutcomeUnknown`).

        `endpoint` pins the call to one member. `final`: errors that are the answer once every known member has given one of them, though
        a later try might do better. Raises an `ApiError`, `Unreachable`, `DeadlineExceeded`, `MalformedAnswer`.
        """
        deadline_s = self._loop.time() + (self.options.timeout_s if timeout_s is None else timeout_s)
        data = None if body is None else _encode(body)
        attempt = 0
        last: QuorateError | None = None
        told: set[str] = set()
        while True:
            url = endpoint or await self._choose(deadline_s, last)
            try:
                # The first time round a member that does not take the connection costs little: another one may.
                hurried = attempt < len(self.endpoints.urls) and len(self.endpoints.urls) > 1 and endpoint is None
                limits_s = (self.options.connect_timeout_s, self.options.hedge_s if hurried else float("inf"))
                answered = await self._once(method, url, path, data, query, deadline_s, safe, min(limits_s))
                if isinstance(answered, bytes):
                    return read_answer(answered, shape, f"{method} {path} of {url}")
                last = answered
                if isinstance(answered, ApiError) and answered.error in final:
                    told.add(url)
                if not self._try_again(answered, url, safe) or (told and (endpoint or told >= set(self.endpoints.urls))):
                    raise answered
            except Unreachable as failed:
                last = failed
                self.endpoints.failed(url, self._loop.time())
            delay_s = self.options.backoff.delay_s(attempt)
            attempt += 1
            if self._loop.time() + delay_s >= deadline_s:
                raise last
            if attempt > len(self.endpoints.urls) or endpoint or not isinstance(last, Unreachable):
                await asyncio.sleep(delay_s)

    async def _choose(self, deadline_s: float, last: QuorateError | None) -> str:
        url, wait_s = self.endpoints.choose(self._loop.time(), prefer_leader=self.options.prefer_leader)
        if self._loop.time() + wait_s >= deadline_s:
            raise last or Unreachable(f"no member of {', '.join(self.endpoints.urls)} answers")
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        return url

    async def _once(
        self,
        method: str,
        url: str,
        path: str,
        data: bytes | None,
        query: Mapping[str, str] | None,
        deadline_s: float,
        safe: bool,
        connect_s: float,
    ) -> bytes | QuorateError:
        """One try: the body of a success, or the error answered. Raises `Unreachable`, `DeadlineExceeded`, `OutcomeUnknown`."""
        remaining_s = max(0.001, deadline_s - self._loop.time())
        # A frozen member accepts and says nothing: what may be asked twice does not spend its whole deadline on one member.
        attempt_s = min(remaining_s, 2 * self.options.connect_timeout_s) if safe else remaining_s
        headers = {"x-quorate-timeout-ms": str(max(1, int(remaining_s * 1000)))}
        if data is not None:
            headers["content-type"] = "application/json"
        timeout = aiohttp.ClientTimeout(total=attempt_s, connect=min(attempt_s, connect_s))
        try:
            async with self.http.request(
                method, url + path, data=data, params=query, headers=headers, timeout=timeout, allow_redirects=safe
            ) as answer:
                content = await answer.read()
                if answer.status < 300:
                    self.endpoints.succeeded(url)
                    return content
                return error_of(content, answer.status, f"{method} {path} of {url}")
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as failed:
            raise Unreachable(f"{url}: {in_words(failed)}") from failed
        except TimeoutError as failed:
            if not safe:
                raise OutcomeUnknown(f"{method} {path}: no answer of {url} within the deadline; it may have been carried out") from failed
            if attempt_s < remaining_s:
                raise Unreachable(f"{url}: no answer within {attempt_s} s") from failed
            raise DeadlineExceeded(f"{method} {path}: no answer of {url} within the deadline") from failed
        except (aiohttp.ClientError, OSError) as failed:
            if not safe:
                raise OutcomeUnknown(f"{method} {path}: {url} was lost ({in_words(failed)}); it may have been carried out") from failed
            raise Unreachable(f"{url}: {in_words(failed)}") from failed

    def _try_again(self, error: QuorateError, url: str, safe: bool) -> bool:
        if not isinstance(error, ApiError) or error.error not in SILENT_RETRIES:
            return False
        if error.error in ELSEWHERE:
            self.endpoints.failed(url, self._loop.time())
            if error.leader is not None:
                self.endpoints.set_leader(error.leader.client_url)
        return safe or not error.outcome_unknown
