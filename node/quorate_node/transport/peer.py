"""One peer: its two connections, and the verdict on it that the replica hears."""

from __future__ import annotations

import asyncio
import logging

import aiohttp

from quorate_node.transport.context import TransportContext
from quorate_node.transport.dial import process_is_gone
from quorate_node.transport.handshake import ConnectionClass
from quorate_node.transport.interface import LostReason
from quorate_node.transport.link import Ending, Link

log = logging.getLogger(__name__)

PROBE_DELAYS_S = (0.0, 0.002, 0.01, 0.05)
"""A dying process may close its connections a moment before its listening socket: ask again before believing that it lives."""

_REASONS = {
    Ending.GOODBYE: LostReason.CLOSED,
    Ending.TIMEOUT: LostReason.TIMEOUT,
    Ending.REFUSED: LostReason.REFUSED,
    Ending.FAULT: LostReason.TIMEOUT,
}


class Peer:
    """Connected when both outgoing connections are. Each loss is reported once, with the strongest reason that is known."""

    def __init__(self, context: TransportContext, session: aiohttp.ClientSession, member_id: int, url: str) -> None:
        self._context = context
        self._probe: asyncio.Task[None] | None = None
        self._reported: LostReason | None = None
        self._closing = False
        self._unreachable_due = False
        self._address: tuple[str, int] | None = None
        self.member_id = member_id
        self.url = url
        self.connected = False
        self.heartbeat = Link(context, session, member_id, url, ConnectionClass.HEARTBEAT, self)
        self.bulk = Link(context, session, member_id, url, ConnectionClass.BULK, self)

    def link_up(self) -> None:
        self._address = self.heartbeat.address or self.bulk.address
        if not self.connected and self.heartbeat.connected and self.bulk.connected:
            self.connected = True
            self._reported = None
            log.info("connected to member %d at %s", self.member_id, self.url)
            self._context.receiver.on_connected(self.member_id)

    def link_down(self, ending: Ending, text: str) -> None:
        if ending is Ending.ABRUPT:
            self.suspect()
        elif ending is Ending.REFUSED or (self.connected and ending in _REASONS):
            self._lost(_REASONS[ending], text)

    def suspect(self) -> None:
        """A connection with this peer, either way, ended without a close frame: find out whether its process is gone."""
        if self._probe is None and self._address is not None and not self._closing:
            self._probe = asyncio.get_running_loop().create_task(self._find_out(self._address), name=f"quorate-peer-{self.member_id}-probe")

    async def _find_out(self, address: tuple[str, int]) -> None:
        try:
            for delay_s in PROBE_DELAYS_S:
                if delay_s:
                    await self._context.sleep(delay_s)
                if await process_is_gone(address, self._context.settings.probe_timeout_s):
                    # failpoint: transport.death.before_report
                    self._context.counters.deaths += self._reported is not LostReason.DIED
                    self._lost(LostReason.DIED, "its process is gone: end of stream, and a reconnect was refused")
                    return
            if self.connected and not (self.heartbeat.connected and self.bulk.connected):
                self._lost(LostReason.TIMEOUT, "a connection broke and did not come back at once")
        finally:
            self._probe = None

    def _lost(self, reason: LostReason, text: str) -> None:
        if self._closing or (not self.connected and self._reported is reason):
            return
        self.connected = False
        self._reported = reason
        log.log(
            logging.INFO if reason is LostReason.CLOSED else logging.WARNING, "lost member %d (%s): %s", self.member_id, reason.name, text
        )
        self._context.receiver.on_lost(self.member_id, reason)

    def dropped(self) -> None:
        """Told to the replica in the loop's next turn, once: it may be in the middle of sending."""
        if not self._unreachable_due:
            self._unreachable_due = True
            asyncio.get_running_loop().call_soon(self._tell_unreachable)

    def _tell_unreachable(self) -> None:
        self._unreachable_due = False
        if not self._closing:
            self._context.receiver.on_unreachable(self.member_id)

    def nudge(self) -> None:
        self.heartbeat.nudge()
        self.bulk.nudge()

    def check(self, now_s: float) -> None:
        self.heartbeat.check(now_s)
        self.bulk.check(now_s)

    async def close(self) -> None:
        self._closing = True
        if self._probe is not None:
            self._probe.cancel()
        await asyncio.gather(self.heartbeat.close(), self.bulk.close())
