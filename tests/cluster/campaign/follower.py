"""Follows every change of the store at one member, by that member's own watch, over all its lives: the memory of the campaign.

Not the client's watch, which goes elsewhere when a member fails: what each member tells is to be compared with what the others tell.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from itertools import groupby

import aiohttp
import msgspec

from quorate.json_words import JsonWatchMessage
from quorate.wire.results import Event
from quorate_node.simulator.history import Delivery, WatchRecord, WatchStretch
from tests.cluster.campaign.recorder import Recorder
from tests.cluster.campaign.site import CampaignMember

RETRY_S = 0.1
HEARTBEAT_S = 2.0
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
_decode = msgspec.json.Decoder(JsonWatchMessage, strict=False).decode


class Follower:
    """`revision`: all changes up to it were told. `stretches`: one for each connection. Number it like a client."""

    def __init__(self, member: CampaignMember, recorder: Recorder, http: aiohttp.ClientSession) -> None:
        self._member = member
        self.member_name = member.name
        self._recorder = recorder
        self._http = http
        self.revision = 0
        self.missed: list[tuple[int, int]] = []
        """(first, last) revisions that this member could not tell because they were compacted before it had told them."""
        self.stretches: list[WatchStretch] = []

    async def run(self) -> None:
        while True:
            if self._member.running:
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    await self._stretch()
            await asyncio.sleep(RETRY_S)

    def record(self, watch: int, client: int) -> WatchRecord:
        return WatchRecord(watch=watch, client=client, key=b"\x00", range_end=b"\x00", stretches=tuple(self.stretches))

    async def _stretch(self) -> None:
        url = f"{self._member.url}/v1/watch"
        start = self.revision + 1
        timeout = aiohttp.ClientWSTimeout(ws_close=1.0)
        async with asyncio.timeout(5.0):
            socket = await self._http.ws_connect(url, heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_BYTES_MAX, timeout=timeout)
        opened_ns = time.monotonic_ns()
        deliveries: list[Delivery] = []
        ended = "lost"
        try:
            what = {"key": base64.b64encode(b"\x00").decode(), "range_end": base64.b64encode(b"\x00").decode()}
            await socket.send_str(json.dumps({"watch": 1, "create": {**what, "start_revision": str(start)}}))
            async for received in socket:
                if received.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    break
                message = _decode(received.data)
                if message.compacted is not None:
                    ended = "compacted"
                    self._skip(start if not deliveries else self.revision + 1, message.compacted.compact_revision, deliveries)
                    break
                if message.error is not None or message.canceled:
                    break
                if message.created is None:
                    deliveries.append(self._take(message))
        except asyncio.CancelledError:
            ended = "closed"
            raise
        finally:
            stretch = WatchStretch(
                member=self._member.name,
                opened_ns=opened_ns,
                start_revision=start,
                first_revision=start,
                closed_ns=time.monotonic_ns(),
                ended=ended,
                deliveries=tuple(deliveries),
            )
            self.stretches.append(stretch)
            await socket.close()

    def _skip(self, wanted: int, compact_revision: int, deliveries: list[Delivery]) -> None:
        """Compacted while this member was away: the others have told it, and this one goes on after it."""
        deliveries.append(Delivery(time.monotonic_ns(), wanted, (), compact_revision))
        self.missed.append((wanted, compact_revision))
        self.revision = max(self.revision, compact_revision)

    def _take(self, message: JsonWatchMessage) -> Delivery:
        at_ns = time.monotonic_ns()
        kept: list[Event] = []
        for revision, group in groupby((event.plain() for event in message.events), key=lambda event: event.kv.mod_revision):
            if revision <= self.revision:
                self._recorder.contradictions.append(f"{self._member.name} told revision {revision} after {self.revision}")
            kept += self._recorder.told(self._member.name, revision, tuple(group))
            self.revision = revision
        self.revision = max(self.revision, message.revision)
        return Delivery(at_ns, message.revision, tuple(kept))
