"""Membership and leadership from outside, as an operator or a person would change them: asked of any member, while faults go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from quorate_node.simulator.caller import Caller, Rejected, Unanswered, Work
from quorate_node.simulator.history import Administer, Outcome
from quorate_node.simulator.host import Host
from quorate_node.simulator.life import Life
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import Options
from quorate_node.simulator.recorder import Recorder
from quorate_node.simulator.reductions import Reductions
from quorate_node.simulator.releases import NEXT
from quorate_node.simulator.sight import voters_seen
from quorate_node.simulator.streams import Timetable, stream

GOVERNOR = 0
"""Its number among the clients."""
REJOIN_MS_MAX = 2_000


class Governor:
    def __init__(
        self,
        loop: VirtualLoop,
        caller: Caller,
        hosts: Callable[[], Sequence[Host]],
        spares: list[Host],
        recorder: Recorder,
        options: Options,
        reductions: Reductions,
        counters: Counter[str],
    ) -> None:
        self._loop = loop
        self._caller = caller
        self._hosts = hosts
        self._spares = spares
        self._recorder = recorder
        self._options = options
        self._counters = counters
        self._reductions = reductions
        self._random = stream(options.seed, "governor")
        """Of the change under way."""
        self.happened: list[str] = []
        """As `Reductions.faults` names them."""

    async def run(self) -> None:
        """Until it is cancelled."""
        seed, began_s = self._options.seed, self._loop.time()
        rates = {"change": self._options.membership_changes, "transfer": self._options.transfers, "activate": self._options.activations}
        timetable = Timetable(seed, rates)
        verbs = {"change": self._change, "transfer": self._transfer, "activate": self.activate}
        while coming := timetable.next():
            due_s, name, number = coming
            await asyncio.sleep(began_s + due_s - self._loop.time())
            self._random = stream(seed, name, number)
            if self._reductions.fault_happens(name, number):
                self.happened.append(f"{name}.{number}")
                await verbs[name]()

    async def _change(self) -> None:
        random = self._random
        if self._spares and random.random() < 0.5:
            spare = self._spares.pop()
            self._counters["member added"] += 1
            spare.start()  # It asks to be let in by itself.
            return
        voters = voters_seen(self._hosts())
        running = [host for host in self._hosts() if host.life is not None and host.life.storage.member_id]
        if len(voters) < 3 or not running or any(host.impaired for host in self._hosts()):
            return
        leaving = random.choice(running)
        assert leaving.life is not None
        member_id = leaving.life.storage.member_id

        async def remove(life: Life) -> None:
            await life.service.remove_member(member_id, expected_configuration_index=None)

        leaving.impaired = "leaving"
        if await self._ask(Administer("remove", member_id), remove):
            self._counters["member removed"] += 1
            delay_ns = random.randrange(REJOIN_MS_MAX * 1_000_000)
            self._loop.after(delay_ns, self._loop.world, self._rejoin, leaving, member_id)
        else:
            leaving.impaired = "leaving or not"
            self._loop.after(REJOIN_MS_MAX * 1_000_000, self._loop.world, self._look_again, leaving, member_id)

    def _look_again(self, host: Host, member_id: int) -> None:
        """Nobody learnt whether it was removed. Its data stays where it is either way."""
        if host.impaired == "leaving or not":
            host.impaired = ""

    def _rejoin(self, host: Host, member_id: int) -> None:
        """A removed member's volume is emptied, and its machine asks to be let in as a new member."""
        if host.disk.records and host.impaired == "leaving":
            if host.up:
                host.kill(power=True)
            host.wipe()
            host.founder = False
            host.impaired = "wiped"
            host.start()

    async def _transfer(self) -> None:
        voters = voters_seen(self._hosts())
        target = self._random.choice((0, *voters))

        async def transfer(life: Life) -> None:
            await life.service.transfer_leadership(target)

        if await self._ask(Administer("transfer", target), transfer):
            self._counters["leadership transferred"] += 1

    async def activate(self) -> bool:
        """The next release's cluster version, whether all members run it or not. Whether that was done."""
        version = NEXT.version_high

        async def activate(life: Life) -> None:
            await life.service.activate_cluster_version(version)

        done = await self._ask(Administer("activate", version), activate)
        self._counters["version activated" if done else "version not activated"] += 1
        return done

    async def _ask(self, request: Administer, work: Work) -> bool:
        host = self._random.choice(self._hosts())
        number = self._recorder.begin(GOVERNOR, request)
        outcome, details = Outcome.OK, dict[str, Any](member=host.name)
        try:
            await self._caller.ask(host, work, GOVERNOR)
        except Unanswered as unknown:
            outcome, details["error"] = Outcome.UNKNOWN, str(unknown)
        except Rejected as rejected:
            outcome, details["error"] = Outcome.FAILED, rejected.error
        self._recorder.end(number, outcome, **details)
        return outcome is Outcome.OK
