"""The end of a run: no more faults for a majority, chosen by the seed, and what was acknowledged is there, and more can be done, soon."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from random import Random
from typing import TYPE_CHECKING

import msgspec

from quorate.wire.commands import Put
from quorate.wire.results import PutResult
from quorate_node.machine.application.status import ApplicationState
from quorate_node.simulator.host import Host
from quorate_node.simulator.ledger_host import LedgerHost
from quorate_node.simulator.patience import Patience
from quorate_node.simulator.releases import NEXT
from quorate_node.simulator.requests import key_of
from quorate_node.simulator.sight import belonging, durable_log, holds_majority, newest_cluster_version, newest_machine, voters_seen

if TYPE_CHECKING:
    from quorate_node.simulator.world import World

PROGRESS_S = 60.0
CONVERGENCE_S = 60.0
LOOK_S = 0.05


class Liveness:
    def __init__(self, world: World) -> None:
        self._world = world
        self._random = Random(f"liveness {world.options.seed}")
        self._core: list[Host] = []

    async def run(self) -> None:
        world = self._world
        if self._random.random() < 0.3:
            self._power_cycle()
        whole = self._choose_core()
        self._heal()
        world.history.rules = msgspec.structs.replace(world.history.rules, quiet_from_ns=world.loop.now_ns)
        world.trace.event("quiet", *(host.name for host in self._core))
        await self._progress()
        if whole:
            await self._converge()
            if world.options.application.clients:
                await self._applications_agree()
            if world.options.faults.release:
                await self._roll_on()

    def _power_cycle(self) -> None:
        """Everything loses power at once: what was acknowledged must be on the disks of a quorum."""
        world = self._world
        voters = voters_seen(world.hosts)
        holders = [host for host in world.hosts if host.life is not None and host.life.storage.member_id in voters]
        for host in world.hosts:
            if host.up:
                host.kill(power=True)
        if voters and len(holders) == len(voters) and not any(host.impaired for host in world.hosts):
            world.invariants.durable([(host.name, *durable_log(host)) for host in holders], len(voters) // 2 + 1)
            world.counters["durability looked at"] += 1

    def _choose_core(self) -> bool:
        """True: everybody. A minority that stays away, dead or cut off, must not keep the others from working."""
        world, random = self._world, self._random
        started = world.started()
        voters = voters_seen(world.hosts)
        seats = [host for host in started if host.life is not None and host.life.storage.member_id in voters]
        self._core = list(started)
        if len(voters) < 3 or len(seats) < len(voters) or any(host.impaired for host in started) or random.random() < 0.5:
            return True
        witnesses = [host for host in seats if host.witness]
        others = [host for host in seats if not host.witness]
        random.shuffle(others)
        away = others[: (len(voters) - 1) // 2 - len(witnesses)] if len(voters) > 3 else others[: 1 - len(witnesses)]
        self._core = [host for host in started if host not in away]
        return not away

    def _heal(self) -> None:
        world = self._world
        network = world.network
        network.faulty = world.caller.faulty = False
        network.heal()
        for host in world.hosts:
            if host.failpoints is not None:
                for name, hits in sorted(host.failpoints.fired().items()):
                    world.counters[f"failpoint {name}"] += hits
                host.failpoints.close()
            if host.life is not None and host.life.ledger is not None:
                host.life.ledger.soothe()
                self._start_a_failed_application(host)
            host.disk.full = host.disk.sync_fails = False
            if host.disk.files is not None:
                host.disk.files.dies_in = 0
            host.disk.stalled_until_ns = 0
            if host.life is not None:
                host.life.database().stalled = False
        self._upgrade()
        for host in world.started():
            if host in self._core:
                if host.life is not None:
                    world.loop.resume(host.life.process)
                else:
                    host.start()
            elif self._random.random() < 0.5 and host.up:
                host.kill(power=True)
            else:
                inside = [other.url for other in self._core]
                network.block([host.url], inside)
                network.block(inside, [host.url])

    def _upgrade(self) -> None:
        """Whoever runs a release that the cluster has left behind is refused by the others, as he must be, until he is upgraded."""
        if newest_cluster_version(self._world.hosts) < NEXT.version_high:
            return
        for host in self._world.hosts:
            host.release = NEXT
            if host.life is not None and host.life.release != NEXT:
                host.kill(power=False)
                if host in self._core:
                    host.start()

    async def _progress(self) -> None:
        """A write of every client through a member of the core."""
        world = self._world
        until_s = world.loop.time() + PROGRESS_S
        for client in world.clients:
            client.use_only(self._core)
            while not isinstance(await client.command(Put(key_of(client.number), client.requests.value())), PutResult):
                if world.loop.time() > until_s:
                    text = f"client {client.number} could not write within {PROGRESS_S:g} s of quiet:\n{world.describe()}"
                    world.invariants.violated("progress", text)
                self._bring_back()
                await asyncio.sleep(LOOK_S)
        world.trace.event("progress")

    def _bring_back(self) -> None:
        """Those that stay may commit a change that was under way: where it leaves them without a majority they need the others."""
        world = self._world
        newest = newest_machine(self._core)
        away = [host for host in world.started() if host not in self._core]
        if not away or newest is None or holds_majority(self._core, newest.configuration):
            return
        world.trace.event("brought back", *(host.name for host in away))
        world.counters["brought back in the quiet"] += 1
        world.network.heal()
        self._core = world.started()
        for host in away:
            if host.life is None:
                host.start()
            else:
                world.loop.resume(host.life.process)

    async def _converge(self) -> None:
        """All members at one index, with one digest: state equality is checked on the way there."""
        world = self._world
        until_s = world.loop.time() + CONVERGENCE_S
        while True:
            if self._equal():
                break
            if world.loop.time() > until_s:
                world.invariants.violated("convergence", f"members differ after {CONVERGENCE_S:g} s of quiet:\n{world.describe()}")
            self._upgrade()
            await asyncio.sleep(LOOK_S)
        world.trace.event("converged")

    def _start_a_failed_application(self, host: Host) -> None:
        """Somebody sees the alarm, and starts that member again."""
        application = host.life.application if host.life is not None else None
        if application is not None and application.status().state == ApplicationState.FAILED and not application.lacks_state:
            self._world.counters["member started again for its application"] += 1
            host.kill(power=False)
            if host in self._core:
                host.start()

    async def _applications_agree(self) -> None:
        """A client proposes again until it is answered, and every member's machine comes to the end of the list."""
        world = self._world
        patience = Patience(world.loop.time(), CONVERGENCE_S)
        client = world.ledger_clients[0]
        client.use_only(self._core)
        told = await client.propose()
        while not told or self._lagging():
            now_s = world.loop.time()
            patience.look(now_s, self._slowest())
            if patience.is_over(now_s):
                running = [host.life for host in self._core if host.life is not None and host.life.application is not None]
                shown = "\n".join(f"{life.host.name}: {life.application.status()}" for life in running if life.application is not None)
                world.invariants.violated("application progress", f"not within {patience.waited_s(now_s):.0f} s of quiet:\n{shown}")
            await asyncio.sleep(LOOK_S)
            told = told or await client.propose()
            for host in self._core:
                self._start_a_failed_application(host)
        world.trace.event("applications agree", world.invariants.ledger.length)

    def _lagging(self) -> bool:
        newest, length = newest_machine(self._core), self._world.invariants.ledger.length
        return newest is None or any(behind(host, length, belonging(newest)) for host in self._core)

    def _slowest(self) -> int:
        """How far the one has come that has come least far."""
        newest = newest_machine(self._core)
        members = belonging(newest) if newest is not None else ()
        running = [host.life.ledger for host in self._core if host.life is not None and host.life.storage.member_id in members]
        return min((carried_out(ledger) for ledger in running if ledger is not None), default=-1)

    async def _roll_on(self) -> None:
        """Everybody gets the next release, one after the other; then it can be activated, and all go on with one state."""
        world = self._world
        for host in self._core:
            if host.life is not None and host.life.release != NEXT:
                host.release = NEXT
                host.kill(power=False)
                host.start()
                await self._converge()
        until_s = world.loop.time() + PROGRESS_S
        while not await world.governor.activate():
            if world.loop.time() > until_s:
                text = f"all members run the next release, and it could not be activated within {PROGRESS_S:g} s:\n{world.describe()}"
                world.invariants.violated("activation", text)
            await asyncio.sleep(LOOK_S)
        await self._converge()

    def _equal(self) -> bool:
        world = self._world
        voters = voters_seen(world.hosts)
        newest = newest_machine(self._core)
        states = set()
        present = set()
        for host in self._core:
            member = host.life.replica.member if host.life is not None else None
            if host.life is None or member is None or newest is None:
                return False
            if member.engine.raft.id not in belonging(newest):
                continue  # It was removed; nobody has to tell it more.
            present.add(member.engine.raft.id)
            states.add(member.machine.applied_index)
        return len(states) == 1 and present >= set(voters) and bool(voters)


def behind(host: Host, length: int, members: Container[int]) -> bool:
    """Whether the application's machine of one of the `members` has not come to the end of the list.

    `members`: as the newest state has them. A member's own may have lost with the power what it had applied, its removal too.
    """
    life = host.life
    if life is None or life.ledger is None or life.replica.member is None or life.storage.member_id not in members:
        return False
    return carried_out(life.ledger) < length


def carried_out(ledger: LedgerHost) -> int:
    """Commands in the list of a member's application; -1 while no process of it runs."""
    return len(ledger.worker.ledger.payloads) if ledger.worker is not None else -1
