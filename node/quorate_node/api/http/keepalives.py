"""Keep-alives of one turn of the loop become one command: a thousand clients that renew together cost one log entry."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from quorate.wire.commands import CommandKind, LeaseKeepAlive
from quorate.wire.results import Failure, LeaseListResult, Result
from quorate_node.api.http.codec import command
from quorate_node.api.http.head import Head
from quorate_node.replica.service import ReplicaService, ServiceError

_pack = msgspec.msgpack.Encoder().encode
Waiter = asyncio.Future[dict[int, int]]


class KeepAliveBatcher:
    """Collects leases by (forwarding allowed, timeout)."""

    def __init__(self, service: ReplicaService, leases_max: int, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._leases_max = leases_max
        self._loop = loop
        self._open: dict[tuple[bool, float], tuple[dict[int, None], list[Waiter]]] = {}

    def keep_alive(self, leases: tuple[int, ...], head: Head) -> Waiter:
        """Remaining time in ms of each lease, -1 for one that is gone. The future raises `ServiceError`."""
        name = (head.forward, head.timeout_s)
        if name in self._open and len(self._open[name][0]) + len(leases) > self._leases_max:
            self._send(name)
        if not self._open:
            self._loop.call_soon(self._flush)
        wanted, waiters = self._open.setdefault(name, ({}, []))
        wanted.update(dict.fromkeys(leases))
        waiter: Waiter = self._loop.create_future()
        waiters.append(waiter)
        return waiter

    def _flush(self) -> None:
        for name in list(self._open):
            self._send(name)

    def _send(self, name: tuple[bool, float]) -> None:
        wanted, waiters = self._open.pop(name)
        forward, timeout_s = name

        def done(result: Result | ServiceError) -> None:
            settle(waiters, result)

        payload = _pack(LeaseKeepAlive(tuple(wanted)))
        renewing = command(CommandKind.LEASE_KEEPALIVE, payload, None)
        self._service.submit(renewing, done, forward=forward, deadline_s=self._loop.time() + timeout_s)


def settle(waiters: list[Waiter], result: Result | ServiceError) -> None:
    """Give every waiter what its leases came to."""
    for waiter in waiters:
        if waiter.done():
            continue
        if isinstance(result, LeaseListResult):
            waiter.set_result(dict(result.leases))
        else:
            assert isinstance(result, Failure | ServiceError), f"{type(result).__name__} for a keep-alive"
            waiter.set_exception(ServiceError(result.error, result.message))


KEEPALIVES = web.AppKey("keepalives", KeepAliveBatcher)
