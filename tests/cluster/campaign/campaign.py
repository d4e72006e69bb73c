"""One campaign: a cluster, its clients and its nemesis, for a set time; then quiet, and the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from quorate.cluster import Cluster
from quorate.wire.commands import Put
from quorate_node.simulator.history import NEVER_NS, Applied, Outcome, Rules, save
from tests.cluster.campaign import fault_failpoint
from tests.cluster.campaign.clients import Stop, lease_client, options, session_client, stream_client
from tests.cluster.campaign.follower import Follower
from tests.cluster.campaign.namespaces import Namespaces
from tests.cluster.campaign.nemesis import Nemesis, draw
from tests.cluster.campaign.recorder import Recorder
from tests.cluster.campaign.report import Run
from tests.cluster.campaign.sampler import Sampler
from tests.cluster.campaign.site import SPARES, Site
from tests.cluster.campaign.table import choose
from tests.cluster.campaign.verdict import Finding, changes_of, finding, judge_history, one_history, same_state, sound_members
from tests.cluster.campaign.watcher import Watcher
from tests.cluster.campaign.workload import Workload
from tests.cluster.shim.disk_fault import DiskFault

QUIET_SUCCESSES = 300
"""So many operations must succeed after the faults, within `QUIET_TIMEOUT_S`: the cluster has come back to life."""
QUIET_TIMEOUT_S = 60.0
QUIET_S = 12.0
EXPIRY_SLACK_MS = 5_000
"""Leases that nobody renews any more must have ended by then: the longest lasts 4 s, and may be seen for the slack beyond."""
WATCHED = (b"r/", b"l/", b"e/")
LAST_KEY = b"z/last"
PROGRESS_S = 10.0
EVERY_FAULT_ENDED, NO_CLIENT_RAISED = "every fault ended and its members came back", "no client raised"
ALIVE = "alive after the faults"


@dataclass(frozen=True)
class Options:
    minutes: float = 5.0
    seed: int = 1
    members: int = 3
    faults: tuple[str, ...] = ()
    shared_clients: int = 12
    """Tasks that share one connection to the leader."""
    bound_clients: int = 1
    """For each member: on a connection to it alone, without sessions."""
    session_clients: int = 2
    lease_clients: int = 3


def draw_settings(seed: int) -> dict[str, dict[str, Any]]:
    """The members' settings of a seed: half of all campaigns have small logs, so that members far behind need snapshots."""
    generator = random.Random(f"settings/{seed}")
    settings: dict[str, dict[str, Any]] = {"store": {"log_backend": generator.choice(("rocksdb", "file"))}, "replica": {}}
    if generator.random() < 0.7:
        keep = generator.choice((200, 1_000))
        settings["replica"] |= {"log_keep_entries": keep, "compact_every_entries": 2 * keep, "compact_check_ms": 200}
    if settings["store"]["log_backend"] == "file":
        settings["store"]["log_segment_bytes"] = 1024 * 1024
    return settings


class Campaign:
    """Use once: `await Campaign(options, directory, say).run()`. The members' directories are below `directory`."""

    def __init__(self, chosen: Options, directory: Path, say: Callable[[str], None]) -> None:
        self.options = chosen
        self.directory = directory
        self.say = say
        self.settings = draw_settings(chosen.seed)
        self.faults, self.left_out = choose(chosen.faults, self.settings["store"]["log_backend"])
        self.plan = draw(chosen.seed, chosen.minutes * 60.0, self.faults, chosen.members)
        self.recorder = Recorder()
        self.sampler: Sampler | None = None
        self._stop = Stop()
        self._watchers = [Watcher(100 + number, prefix, self._stop) for number, prefix in enumerate(WATCHED)]
        self._complaints: dict[str, list[str]] = {EVERY_FAULT_ENDED: [], NO_CLIENT_RAISED: [], ALIVE: []}

    async def run(self) -> Run:
        with Namespaces(self.options.members + SPARES) as namespaces:
            site = Site(self.directory, self.options.members, namespaces, seed=self.options.seed, settings=self.settings)
            async with site:
                self._prepare(site)
                took_s = await site.start()
                self.say(f"{self.options.members} members vote after {took_s:.1f} s; {len(self.plan)} faults are planned")
                return await self._under_fire(site)

    def _prepare(self, site: Site) -> None:
        """What members must be started with for the faults of this campaign to be possible at all."""
        site.recorder = self.recorder
        needs = {fault.needs for fault in self.faults}
        for member in site.everyone:
            if "shim" in needs:
                member.disk = DiskFault(member.data, seed=self.options.seed, kernel_sync=self.settings["store"]["log_backend"] == "file")
                member.environment |= member.disk.environment()
            if "failpoints" in needs:
                member.environment |= {**fault_failpoint.ENVIRONMENT, "QUORATE_FAILPOINTS_SEED": str(self.options.seed)}

    async def _under_fire(self, site: Site) -> Run:
        begun_ns = time.monotonic_ns()
        nemesis = Nemesis(site, self.plan, self.faults, self.say, begun_ns / 1e9)
        self.sampler = Sampler(site, begun_ns / 1e9)
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(aiohttp.ClientSession())
            followers = [Follower(member, self.recorder, http) for member in site.everyone]
            background = [asyncio.create_task(follower.run()) for follower in followers]
            background += [asyncio.create_task(self.sampler.run()), asyncio.create_task(self._tell_progress(nemesis))]
            clients = await self._clients(site, stack)
            await nemesis.run(self.options.minutes * 60.0)
            faults_until_s = nemesis.now_s()
            self._complaints[EVERY_FAULT_ENDED] += nemesis.failures
            quiet_from_ns = time.monotonic_ns()
            await self._quiet(clients)
            findings = await self._closing(site, followers)
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
        self._complete_history(followers, site, quiet_from_ns)
        findings += await asyncio.to_thread(self._judge)
        run = Run(
            seed=self.options.seed,
            members=self.options.members,
            begun_ns=begun_ns,
            faults_until_s=faults_until_s,
            ended_s=nemesis.now_s() if not self.recorder.history.operations else (quiet_from_ns - begun_ns) / 1e9 + QUIET_S,
            options={"settings": self.settings, "faults": [fault.name for fault in self.faults], "minutes": self.options.minutes},
            operations=self.recorder.history.operations,
            actions=nemesis.actions,
            findings=findings,
            left_out=self.left_out,
        )
        self.sampler.end_s = run.ended_s
        return run

    async def _clients(self, site: Site, stack: AsyncExitStack) -> list[asyncio.Task[None]]:
        """All kinds of clients, each with a number of its own, numbered from 1."""
        urls = [member.url for member in site.members]
        seed, recorder, stop = self.options.seed, self.recorder, self._stop
        shared = await stack.enter_async_context(Cluster(urls, options=options()))
        works = (Workload(number, seed) for number in range(1, 1_000))
        coroutines = [stream_client(shared, next(works), recorder, stop) for _ in range(self.options.shared_clients)]
        for member in site.members:
            bound = await stack.enter_async_context(Cluster([member.url], options=options()._replace(prefer_leader=False)))
            for _ in range(self.options.bound_clients):
                coroutines.append(stream_client(bound, next(works), recorder, stop, member=member.name, retry=False))
        coroutines += [session_client(urls, next(works), recorder, stop) for _ in range(self.options.session_clients)]
        coroutines += [watcher.run(shared) for watcher in self._watchers]
        coroutines += [lease_client(shared, next(works), recorder, stop) for _ in range(self.options.lease_clients)]
        return [asyncio.create_task(coroutine) for coroutine in coroutines]

    def _succeeded(self) -> int:
        return sum(operation.outcome is Outcome.OK for operation in self.recorder.history.operations)

    async def _quiet(self, clients: Sequence[asyncio.Task[None]]) -> None:
        """No faults any more: operations must succeed again, and every client must come to an end by itself."""
        wanted, begun_s = self._succeeded() + QUIET_SUCCESSES, time.monotonic()
        while self._succeeded() < wanted and time.monotonic() - begun_s < QUIET_TIMEOUT_S:
            await asyncio.sleep(0.1)
        if self._succeeded() < wanted:
            self._complaints[ALIVE].append(f"fewer than {QUIET_SUCCESSES} operations in {QUIET_TIMEOUT_S} s after the faults")
        self._stop.call()
        _, pending = await asyncio.wait(clients, timeout=QUIET_TIMEOUT_S)
        for task in pending:
            task.cancel()
            self._complaints[ALIVE].append(f"a client did not end: {task!r}"[:500])
        for outcome in await asyncio.gather(*clients, return_exceptions=True):
            if isinstance(outcome, Exception):
                self._complaints[NO_CLIENT_RAISED].append(f"{type(outcome).__name__}: {outcome}")
        await asyncio.sleep(max(0.0, QUIET_S - (time.monotonic() - begun_s)))

    async def _closing(self, site: Site, followers: Sequence[Follower]) -> list[Finding]:
        """A last write, which every member must tell, and then the members' own accounts."""
        last = 0
        try:
            last = await self._write_the_last(site)
            await site.until(lambda: _told(site, followers, last), f"revision {last} told by every member", QUIET_TIMEOUT_S)
            await site.wait_equal(QUIET_TIMEOUT_S)
        except AssertionError as error:
            self._complaints[ALIVE].append(str(error)[:3_000])
        findings = [finding(name, 1, found) for name, found in self._complaints.items()]
        findings += one_history(self.recorder, followers, last)
        findings.append(await same_state(site))
        return findings + sound_members(site)

    async def _write_the_last(self, site: Site) -> int:
        async with Cluster([member.url for member in site.members], options=options()._replace(timeout_s=QUIET_TIMEOUT_S)) as cluster:
            put = Put(LAST_KEY, b"last")
            result = await self.recorder.observe(cluster.put(put.key, put.value), put, client=0)
        assert result is not None, f"no write was accepted within {QUIET_TIMEOUT_S} s after the faults"
        return result.revision

    def _complete_history(self, followers: Sequence[Follower], site: Site, quiet_from_ns: int) -> None:
        history = self.recorder.history
        history.changes = changes_of(self.recorder)
        history.watches = [follower.record(number + 1, 2_000 + number) for number, follower in enumerate(followers)]
        history.watches += [watcher.record(3_000 + number) for number, watcher in enumerate(self._watchers)]
        starts = [(life.at_s, member.name) for member in site.everyone for life in member.lives if life.state == "up"]
        boots: dict[str, int] = {}
        for at_s, name in sorted(starts):
            boots[name] = boots.get(name, 0) + 1
            history.applied.append(Applied(int(at_s * 1e9), name, boots[name], 0, b""))
        quiet_from_ns = quiet_from_ns if not self._complaints[ALIVE] else NEVER_NS
        history.rules = Rules(quiet_from_ns=quiet_from_ns, expiry_slack_ms=EXPIRY_SLACK_MS)
        history.operations.sort(key=lambda operation: operation.completed_ns)
        save(history, self.directory / "history.msgpack")

    def _judge(self) -> list[Finding]:
        self.say(f"judging {len(self.recorder.history.operations)} operations and {len(self.recorder.history.changes)} changes")
        begun_s = time.monotonic()
        gc.freeze()
        try:
            found = judge_history(self.recorder.history)
        except Exception:
            # The report is needed most of all then: history.msgpack is there for whoever repairs the checker.
            found = [Finding("the checkers came to an end", "violated", 0, traceback.format_exc())]
        self.say(f"judged in {time.monotonic() - begun_s:.1f} s")
        return found

    async def _tell_progress(self, nemesis: Nemesis) -> None:
        done = 0
        while True:
            await asyncio.sleep(PROGRESS_S)
            count, done = len(self.recorder.history.operations) - done, len(self.recorder.history.operations)
            carried_out = sum(action.outcome == "done" for action in nemesis.actions)
            left_s = self.options.minutes * 60.0 - nemesis.now_s()
            left = f"{left_s:.0f} s of faults left" if left_s > 0 else "the last faults end"
            self.say(f"{nemesis.now_s():.0f} s: {done} operations ({count / PROGRESS_S:.0f}/s), {carried_out} faults; {left}")
            # A history only grows: were it looked at for garbage, clients would wait for that, the longer the more there is.
            gc.freeze()
            with contextlib.suppress(IndexError):
                self.say(f"contradiction: {self.recorder.contradictions[0]}")


async def _told(site: Site, followers: Sequence[Follower], revision: int) -> bool:
    running = {member.name for member in site.everyone if member.running}
    return all(follower.revision >= revision for follower in followers if follower.member_name in running)
