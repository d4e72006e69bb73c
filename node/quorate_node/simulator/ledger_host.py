"""A member's part of the application: the node's own host of it, on this machine's directory, with a worker on the loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quorate_node.machine.application.host import ApplicationHost
from quorate_node.machine.application.log_reader import LogCommandReader
from quorate_node.machine.application.process import ApplicationWorker
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.simulator.ledger import Ledger, Observer
from quorate_node.simulator.ledger_worker import LedgerWorker
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import ApplicationOptions
from quorate_node.simulator.process import Process
from quorate_node.simulator.streams import stream
from quorate_node.store import Stores


class LedgerHost:
    """Of one process of a member."""

    def __init__(
        self, loop: VirtualLoop, process: Process, member: str, seed: int, options: ApplicationOptions, observer: Observer
    ) -> None:
        self._loop = loop
        self._process = process
        self._member = member
        self._seed = seed
        self._observer = observer
        self.worker: LedgerWorker | None = None
        """The newest."""
        self._started = 0
        self.settings = ApplicationSettings(
            "simulated:Ledger",
            batch_commands=options.batch_commands,
            in_flight_commands=options.in_flight_commands,
            queue_commands=options.queue_commands,
            replies_kept=options.replies_kept,
            snapshot_commands=options.snapshot_commands,
            command_timeout_s=1.5,
            state_timeout_s=3.0,
            restart_wait_s=0.05,
            restart_wait_s_max=0.5,
            stop_timeout_s=0.5,
        )

    def open(self, directory: Path, stores: Callable[[], Stores]) -> ApplicationHost:
        reader = LogCommandReader(lambda: stores().log, lambda: stores().state)
        return ApplicationHost(self.settings, directory, reader, self._start)

    def soothe(self) -> None:
        """What a fault has in store for it does not come."""
        if self.worker is not None:
            self.worker.ledger.breaks = False
            self.worker.hang(0)

    async def _start(self, settings: ApplicationSettings) -> ApplicationWorker:
        self._started += 1
        random = stream(self._seed, "worker", self._process.name, self._started)
        ledger = Ledger(self._member, self._observer)
        self.worker = LedgerWorker(self._loop, self._process, ledger, random, self._started, settings)
        return await self.worker.started()
