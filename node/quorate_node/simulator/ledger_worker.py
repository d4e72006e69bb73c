"""A worker of the application on the loop, in place of its process: the worker's own code, whose requests and answers take virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from random import Random

from quorate_node.machine.application.frames import (
    LENGTH,
    Answer,
    Broken,
    Request,
    RestoreEnd,
    RestorePiece,
    decode_answer,
    decode_request,
    encode_frame,
)
from quorate_node.machine.application.process import WorkerDied, checked
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.application.worker import Worker
from quorate_node.simulator.ledger import Ledger
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.process import Process

START_NS_MAX = 50_000_000
TURN_NS_MEAN = 1_000_000


class _Link:
    """The worker's end. Implements `machine.application.worker.Frames`."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque()
        self.said: list[Answer] = []
        """In the turn under way; the host hears it some time later, or never."""

    def receive(self) -> Request:
        return self.requests.popleft()

    def send(self, message: Answer) -> None:
        self.said.append(decode_answer(encode_frame(message)[LENGTH.size :]))

    def wait_for_the_end(self) -> None:
        """The host's end is what ends."""


class LedgerWorker:
    """One life of it. Implements `machine.application.process.ApplicationWorker`."""

    def __init__(
        self, loop: VirtualLoop, process: Process, ledger: Ledger, random: Random, pid: int, settings: ApplicationSettings
    ) -> None:
        self.name, self.version = ledger.name, ledger.version
        self.ledger = ledger
        self.pid = pid
        self._loop = loop
        self._process = process
        self._random = random
        self._link = _Link()
        self._worker = Worker(self._link, settings.result_bytes_max)
        self._answers: deque[Answer] = deque()
        self._heard = asyncio.Event()
        self._busy = False
        self._hangs_until_ns = 0
        self.gone = ""
        """How it ended."""

    async def started(self) -> LedgerWorker:
        await asyncio.sleep(self._random.randrange(START_NS_MAX) / 1e9)
        if self.gone:
            raise WorkerDied(self.gone)
        return self

    def die(self) -> None:
        """Killed from outside: what it has carried out and not told nobody hears of."""
        self.gone = "it was killed by signal 9"
        self._answers.clear()
        self._heard.set()

    def hang(self, hang_ns: int) -> None:
        self._hangs_until_ns = self._loop.now_ns + hang_ns

    # -- the host's end -------------------------------------------------------------------------------------------------

    async def send(self, message: Request) -> None:
        if self.gone:
            raise WorkerDied(self.gone)
        self._link.requests.append(decode_request(encode_frame(message)[LENGTH.size :]))
        self._next_turn()

    async def receive(self) -> Answer:
        while not self._answers:
            if self.gone:
                raise WorkerDied(self.gone)
            self._heard.clear()
            await self._heard.wait()
        return checked(self._answers.popleft())

    async def close(self) -> None:
        self.gone = self.gone or "it was closed"

    # -- the worker's end -----------------------------------------------------------------------------------------------

    def _next_turn(self) -> None:
        requests = self._link.requests
        if self._busy or not requests or self.gone:
            return
        if isinstance(requests[0], RestorePiece) and not any(isinstance(one, RestoreEnd) for one in requests):
            return  # It reads on until it has all of them.
        self._busy = True
        self._loop.after(self._turn_ns(), self._process, self._turn)

    def _turn_ns(self) -> int:
        return int(self._random.expovariate(1 / TURN_NS_MEAN)) + max(0, self._hangs_until_ns - self._loop.now_ns)

    def _turn(self) -> None:
        if self.gone:
            return
        try:
            self._worker.serve(self.ledger, self._link.receive())
        except MemoryError as error:
            self._link.send(Broken("applying the command", 0, f"MemoryError: {error}", ""))
        said, self._link.said = self._link.said, []
        self._loop.after(self._turn_ns(), self._process, self._told, said)

    def _told(self, said: list[Answer]) -> None:
        self._busy = False
        if not self.gone:
            self._answers.extend(said)
            self._heard.set()
            self._next_turn()
