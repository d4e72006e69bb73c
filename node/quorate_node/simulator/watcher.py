"""A client that watches: what it was told, message by message, over every member that it watched at, resumed where it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random

import msgspec

from quorate.wire.results import WatchEvents
from quorate_node.machine.interface import Refused, Watch, WatchRequest
from quorate_node.replica.service import ServiceError
from quorate_node.simulator.history import Delivery, WatchRecord, WatchStretch
from quorate_node.simulator.host import Host
from quorate_node.simulator.life import Life
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import Options
from quorate_node.simulator.requests import PAST_REVISIONS_MAX

RETRY_S = 0.1
DELAY_NS_MAX = 2_000_000
MESSAGES_MAX = 10_000
AGAIN = 0.2
"""How often a watch is opened at an older revision than where it was: what it had been told comes once more."""


class _Open:
    """One stretch under way."""

    def __init__(self, member: str, opened_ns: int, start_revision: int) -> None:
        self.member = member
        self.opened_ns = opened_ns
        self.start_revision = start_revision
        self.first_revision = 0
        self.deliveries: list[Delivery] = []
        self.over = asyncio.Event()
        self.ended = ""


class Watcher:
    def __init__(self, number: int, client: int, loop: VirtualLoop, hosts: Callable[[], Sequence[Host]], options: Options) -> None:
        random = self._random = Random(f"watch {options.seed} {number}")
        self._loop = loop
        self._hosts = hosts
        self._options = options
        key, range_end = random.choice(((b"k", b"l"), (b"k000", b""), (b"k000", b"k003"), (b"k001", b"\x00")))
        self.record = WatchRecord(
            watch=number,
            client=client,
            key=key,
            range_end=range_end,
            previous=random.random() < 0.5,
            no_put=random.random() < 0.1,
            no_delete=random.random() < 0.1,
            progress=random.random() < 0.5,
        )
        self._stretches: list[WatchStretch] = []
        self._next_revision = random.choice((0, 1))

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            host = self._random.choice(self._hosts())
            life = host.life
            if life is None:
                await asyncio.sleep(RETRY_S)
                continue
            await self._stretch(life)
            await asyncio.sleep(RETRY_S * self._random.random())

    async def _stretch(self, life: Life) -> None:
        stretch = _Open(life.process.name, self._loop.now_ns, self._next_revision)
        number = -self.record.watch
        life.open_questions[number] = lambda: self._end(stretch, "lost")
        task = self._loop.spawn(life.process, self._serve(life, stretch))
        try:
            async with asyncio.timeout(self._random.choice((0.5, 3.0, 20.0))):
                await stretch.over.wait()
        except TimeoutError:
            self._end(stretch, "closed")
            self._loop.after(0, life.process, task.cancel)
        except asyncio.CancelledError:
            self._keep(stretch)
            raise
        finally:
            life.open_questions.pop(number, None)
        self._keep(stretch)

    def _keep(self, stretch: _Open) -> None:
        if not stretch.first_revision and not stretch.deliveries:
            return  # It was never opened.
        self._stretches.append(
            WatchStretch(
                member=stretch.member,
                opened_ns=stretch.opened_ns,
                start_revision=stretch.start_revision,
                first_revision=stretch.first_revision,
                closed_ns=self._loop.now_ns,
                ended=stretch.ended,
                deliveries=tuple(stretch.deliveries),
            )
        )
        if stretch.deliveries:
            last = stretch.deliveries[-1]
            # What was compacted is gone: it goes on from the first revision that can still be had.
            self._next_revision = last.compact_revision or last.revision + 1
        elif stretch.first_revision:
            self._next_revision = stretch.first_revision
        if self._random.random() < AGAIN:
            self._next_revision = max(1, self._next_revision - self._random.randint(1, PAST_REVISIONS_MAX))

    def _end(self, stretch: _Open, how: str) -> None:
        if not stretch.over.is_set():
            stretch.ended = how
            stretch.over.set()

    async def _ask_for_progress(self, watch: Watch) -> None:
        """As clients do that want to know how far they are when nothing comes."""
        while True:
            await asyncio.sleep(self._random.random() * 2 * self._options.load.progress_ms / 1000)
            watch.request_progress()

    async def _serve(self, life: Life, stretch: _Open) -> None:
        """In the member's process: open the watch, and pass on what it tells, in order."""
        record, loop = self.record, self._loop
        request = WatchRequest(
            record.key, record.range_end, stretch.start_revision, record.previous, record.no_put, record.no_delete, record.progress
        )
        try:
            watch = life.service.machine.watch(request)
        except (ServiceError, Refused):
            loop.after(0, loop.world, self._end, stretch, "lost")
            return
        loop.after(0, loop.world, self._opened, stretch, max(getattr(watch, "next_revision", 0), 1))
        due_ns = loop.now_ns
        asking = loop.spawn(life.process, self._ask_for_progress(watch)) if record.progress else None
        try:
            for _ in range(MESSAGES_MAX):
                message = await watch.next()
                due_ns = max(due_ns, loop.now_ns + self._random.randrange(DELAY_NS_MAX))
                loop.after(due_ns - loop.now_ns, loop.world, self._heard, stretch, message)
                if message.compact_revision:
                    return
                if self._random.random() < 0.2:
                    await asyncio.sleep(self._random.random() * 0.05)  # A slow reader.
        finally:
            watch.cancel()
            if asking is not None:
                asking.cancel()

    def _opened(self, stretch: _Open, first_revision: int) -> None:
        stretch.first_revision = first_revision

    def _heard(self, stretch: _Open, message: WatchEvents) -> None:
        if stretch.over.is_set():
            return
        stretch.deliveries.append(Delivery(self._loop.now_ns, message.revision, message.events, message.compact_revision))
        if message.compact_revision:
            self._end(stretch, "compacted")

    def finished(self) -> WatchRecord:
        return msgspec.structs.replace(self.record, stretches=tuple(self._stretches))
