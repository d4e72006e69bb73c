"""Requests that wait for their answers, on one connection."""

from __future__ import annotations

import asyncio

from quorate_node.transport.frames import Response
from quorate_node.transport.interface import PeerFailure, PeerRefused
from quorate_node.transport.outbox import Parcel


class Calls:
    """Bounded by `outstanding_max`. Ids are never used twice on a connection, so a late answer finds nobody."""

    def __init__(self, outstanding_max: int) -> None:
        assert outstanding_max > 0
        self._outstanding_max = outstanding_max
        self._waiting: dict[int, tuple[asyncio.Future[bytes], Parcel | None]] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def open(self) -> int:
        """The id of a new request. Raises `PeerFailure` (not sent) when too many are under way."""
        if len(self._waiting) >= self._outstanding_max:
            raise PeerFailure(
                f"{len(self._waiting)} requests to this peer wait for an answer, transport.requests_outstanding_max", sent=False
            )
        self._last_id += 1
        self._waiting[self._last_id] = (asyncio.get_running_loop().create_future(), None)
        return self._last_id

    def sending(self, call_id: int, parcel: Parcel) -> None:
        future, _ = self._waiting[call_id]
        self._waiting[call_id] = (future, parcel)

    async def answer(self, call_id: int, timeout_s: float) -> bytes:
        """Raises `PeerFailure` after `timeout_s` or with the connection, `PeerRefused` when the peer says so."""
        future, parcel = self._waiting[call_id]
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise PeerFailure(f"no answer within {timeout_s:g} s", sent=parcel is not None and parcel.sent) from None
        finally:
            if parcel is not None and not parcel.sent:
                parcel.abandoned = True
            self.forget(call_id)

    def forget(self, call_id: int) -> None:
        self._waiting.pop(call_id, None)

    def resolve(self, response: Response) -> None:
        future, _ = self._waiting.get(response.id, (None, None))
        if future is None or future.done():
            return
        if response.error:
            future.set_exception(PeerRefused(response.error, response.message))
        else:
            future.set_result(response.payload)

    def fail_all(self, reason: str) -> None:
        """The connection is gone: nobody will answer. A request that never left says so."""
        for future, parcel in self._waiting.values():
            if not future.done():
                future.set_exception(PeerFailure(reason, sent=parcel is not None and parcel.sent))
                # Whoever waits gets it from `answer`; one that was cancelled meanwhile must not be reported as forgotten.
                future.exception()
