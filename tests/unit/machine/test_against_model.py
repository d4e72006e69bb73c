"""The whole machine against the naive model: random commands in random entries, with crashes, refused writes, purges and watches."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from rocksdict import Checkpoint

from quorate.wire.commands import Command, CommandKind, LeaseExpire, Range, SessionClose, SessionCreate, SessionExpire
from quorate.wire.results import Event
from quorate_node.machine.interface import Refused, TooLarge, WatchRequest
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.watch import KeyWatch
from quorate_node.store.errors import Backpressure
from quorate_node.store.interface import StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from quorate_node.store.rocksdb_state import RocksStateStore
from quorate_node.store.settings import StoreSettings
from tests.unit.machine.builders import ALL, Member, canonical, command, content, drain, entry, nameless
from tests.unit.machine.naive import Naive, within
from tests.unit.machine.random_requests import RandomRequests
from tests.unit.machine.strategies import KEYS, ranges, requests

LIMITS = MachineLimits(
    range_chunk_keys=3, purge_chunk_events=3, catch_up_chunk_events=2, watch_buffer_events_max=3, record_cache_bytes_max=2_000
)
"""Small, so that every bound is crossed."""


EXPIRY: dict[int, type] = {CommandKind.LEASE_EXPIRE: LeaseExpire, CommandKind.SESSION_EXPIRE: SessionExpire}


class Watched:
    """A watch and what it has given so far."""

    def __init__(self, watch: KeyWatch, request: WatchRequest, start: int) -> None:
        self.watch, self.request, self.start = watch, request, start
        self.given: list[Event] = []
        self.compacted = False


class ModelRun:
    """What may happen to a machine, each step checked against the model."""

    def __init__(self) -> None:
        self.naive = Naive()
        self.member = Member(self.new_store(), LIMITS, digest_interval=1)
        self.watched: list[Watched] = []
        self.log_time_ms = 0
        self.sessions: list[int] = []
        self.digests: dict[int, bytes] = {}
        self.open_sessions()

    def new_store(self) -> StateStore:
        self.disk = MemoryDisk()
        return MemoryStateStore(self.disk, "1")

    def crashed_store(self) -> StateStore:
        return MemoryStateStore(self.disk, "1")

    def open_sessions(self) -> None:
        self.sessions = [result.session for result in self.step([(command(SessionCreate(5_000)), SessionCreate(5_000))] * 2)]

    def step(self, pairs: list[tuple[Command, Any]]) -> list[Any]:
        index = self.member.machine.applied_index + 1
        expected = self.naive.apply(index, self.log_time_ms, pairs)
        results = self.member.apply([entry(index, [one for one, _ in pairs], self.log_time_ms)])[0]
        assert [nameless(one) for one in results] == [nameless(one) for one in expected]
        self.digests[index] = self.member.machine.state.digest
        return results

    def with_session(self, request: Any, use: tuple[int, int, int] | None) -> tuple[Command, Any]:
        if use is None:
            return command(request), request
        which, seq, back = use
        session = self.sessions[which] if which < len(self.sessions) else 12_345
        return command(request, session=session, seq=seq, acked_below=max(1, seq - back)), request

    def apply(self, batch: list[tuple[Any, tuple[int, int, int] | None]], passed_ms: int) -> None:
        self.log_time_ms += passed_ms
        self.step([self.with_session(request, use) for request, use in batch])

    def end_session(self, which: int, expires: bool) -> None:
        request = SessionExpire((self.sessions[which],)) if expires else SessionClose(self.sessions[which])
        self.step([(command(request), request)])
        if self.sessions[which] not in self.naive.sessions:
            self.sessions[which] = self.step([(command(SessionCreate(5_000)), SessionCreate(5_000))])[0].session

    def expire_due(self) -> None:
        """What `due` proposes is what the model holds expired, and nothing else."""
        for one in self.member.machine.due(self.log_time_ms):
            self.step([(one, msgspec.msgpack.decode(one.payload, type=EXPIRY[one.kind]))])

    def pass_time(self, passed_ms: int) -> None:
        self.log_time_ms += passed_ms
        self.step([])

    def purge_a_little(self) -> None:
        self.member.machine.background_step()

    def flush(self) -> None:
        self.member.store.flush()

    def crash(self, apply_each: int) -> None:
        """Power is lost: the state goes back to its last flush, the log is applied again, and everything is as it was."""
        before = self.member.machine.state
        self.member.restart(self.crashed_store(), apply_each)
        assert self.member.machine.state == before
        for index, digest in self.member.machine.digests():
            assert digest == self.digests[index]
        self.watched = []

    def refused_write(self, request: Any) -> None:
        """Back-pressure leaves everything as it was, and the same entry can be applied afterwards."""
        if not isinstance(self.member.store, MemoryStateStore):
            return
        machine = self.member.machine
        before, shown = machine.state, canonical(self.member.store, machine.compacted_revision)
        self.member.store.stalled = True
        with pytest.raises(Backpressure):
            machine.apply([entry(machine.applied_index + 1, [command(request)], self.log_time_ms)])
        self.member.store.stalled = False
        assert machine.state == before
        assert canonical(self.member.store, machine.compacted_revision) == shown
        self.step([(command(request), request)])

    def watch(self, key: bytes, range_end: bytes, back: int, previous: bool, filters: int) -> None:
        start = max(0, self.naive.revision + 1 - back)
        request = WatchRequest(key, range_end, start, previous, no_put=filters == 1, no_delete=filters == 2)
        self.watched.append(Watched(self.member.machine.watch(request), request, start or self.naive.revision + 1))
        if len(self.watched) > 6:
            self.watched.pop(0).watch.cancel()

    def read_watch(self, which: int) -> None:
        """Between what it gave before and what it gives now there is neither a gap nor a duplicate."""
        if which >= len(self.watched):
            return
        one = self.watched[which]
        events, last = drain(one.watch)
        one.given += events
        one.compacted = last is not None
        expected = self.events_of(one)
        if one.compacted:
            assert last is not None
            assert last.compact_revision <= self.naive.compacted
            assert [_bare(event) for event in one.given] == [_bare(event) for event in expected[: len(one.given)]]
            self.watched.remove(one)
            return
        assert [_bare(event) for event in one.given] == [_bare(event) for event in expected]
        for event, true in zip(one.given, expected, strict=True):
            assert event.previous is None or event.previous == true.previous
            if one.request.previous and true.kv.mod_revision > self.naive.compacted:
                assert event.previous == true.previous

    def events_of(self, one: Watched) -> list[Event]:
        return [
            event
            for revision in sorted(self.naive.events)
            if revision >= one.start
            for event in self.naive.events[revision]
            if within(event.kv.key, one.request.key, one.request.range_end)
            and not (one.request.no_put if event.type == 0 else one.request.no_delete)
        ]

    def read(self, request: Range) -> None:
        machine, naive = self.member.machine, self.naive
        if request.revision > naive.revision or 0 < request.revision < naive.compacted:
            with pytest.raises(Refused) as refused:
                machine.range(request)
            assert refused.value.error == ("FutureRevision" if request.revision > naive.revision else "Compacted")
            return
        expected = naive.range(request, naive.keys, naive.revision)
        try:
            assert machine.range(request) == expected
        except TooLarge:
            assert asyncio.run(machine.range_async(request)) == expected

    def agrees(self) -> None:
        machine, naive = self.member.machine, self.naive
        assert (machine.revision, machine.compacted_revision) == (naive.revision, naive.compacted)
        assert machine.state.key_count == len(naive.keys)
        assert machine.get_many(list(KEYS)) == [naive.keys.get(key) for key in KEYS]
        remaining = {lease: max(0, deadline - naive.now_ms) for lease, (_, deadline) in naive.leases.items()}
        assert dict(machine.leases().leases) == remaining
        for lease, (ttl_ms, _) in naive.leases.items():
            held = tuple(sorted(key for key, one in naive.keys.items() if one.lease == lease))
            assert machine.lease(lease, True).keys == held
            assert machine.lease(lease, False).granted_ttl_ms == ttl_ms

    def finish(self) -> None:
        """At the end everything that can be read is right, also after the garbage is gone, and nothing else is stored."""
        for purged in (False, True):
            for revision in range(max(1, self.naive.compacted), self.naive.revision + 1):
                self.read(Range(*ALL, revision=revision))
            if not purged:
                self.member.purge()
        machine = self.member.machine
        for family in ("history", "revisions"):
            stored = content(self.member.store, family)
            assert stored == canonical(self.member.store, machine.compacted_revision)[family], "garbage was left after the purge"
        for which in reversed(range(len(self.watched))):
            self.read_watch(which)


class RocksRun(ModelRun):
    """The same on RocksDB. A crash opens the files as the last flush left them, and nothing that came later."""

    def new_store(self) -> StateStore:
        self.directory = Path(tempfile.mkdtemp(prefix="machine-"))
        self.opened = self.flushes = 0
        self.store = RocksStateStore(self.directory / "0", StoreSettings())
        return self.store

    def flush(self) -> None:
        super().flush()
        # Nothing was written since, so a checkpoint is what the flush made durable (live files may be compacted away under a copy).
        self.flushes += 1
        Checkpoint(self.store._database).create_checkpoint(str(self.directory / f"flushed-{self.flushes}"))

    def crashed_store(self) -> StateStore:
        self.opened += 1
        files = self.directory / str(self.opened)
        if self.flushes:
            shutil.copytree(self.directory / f"flushed-{self.flushes}", files)
        self.store.close()
        self.store = RocksStateStore(files, StoreSettings())
        return self.store

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.store.close()
            shutil.rmtree(self.directory)


def campaign(run: ModelRun, seed: int, steps: int) -> None:
    """`steps` random steps and a full check after each; the seed names the run."""
    random = Random(seed)
    draw = RandomRequests(random)

    def use() -> tuple[int, int, int] | None:
        if random.random() < 0.6:
            return None
        which = random.choice((0, 0, 1, 1, 2))
        session = run.naive.sessions.get(run.sessions[which] if which < 2 else 0)
        newest = max(session["replies"], default=0) if session else 0
        return which, max(1, newest + random.randrange(-3, 4)), random.randrange(6)

    def one_step() -> None:
        draw.revision = run.naive.revision
        chance = random.random()
        if chance < 0.45:
            run.apply([(draw.request(), use()) for _ in range(random.randrange(1, 7))], random.choice((0, 0, 100, 1_500)))
        elif chance < 0.60:
            run.read(draw.range())
        elif chance < 0.70:
            run.watch(draw.key(), draw.end(), random.randrange(-2, 8), draw.flag(), random.choice((0, 0, 1, 2)))
        elif chance < 0.82:
            run.read_watch(random.randrange(6))
        else:
            random.choice((run.expire_due, run.purge_a_little, run.flush, crash, refuse, end_session, pass_time))()

    def crash() -> None:
        run.crash(random.randrange(1, 9))

    def refuse() -> None:
        run.refused_write(draw.request())

    def end_session() -> None:
        if random.random() < 0.3:
            run.end_session(random.randrange(2), random.random() < 0.5)

    def pass_time() -> None:
        run.pass_time(random.randrange(2_500))

    for _ in range(steps):
        one_step()
        run.agrees()
    run.finish()


@pytest.mark.parametrize("seed", range(24))
def test_a_campaign_in_memory(seed: int) -> None:
    campaign(ModelRun(), seed, 250)


@pytest.mark.parametrize("seed", range(100, 104))
def test_a_campaign_on_rocksdb(seed: int) -> None:
    campaign(RocksRun(), seed, 150)


class Shrinking(RuleBasedStateMachine):
    """Fewer steps, drawn by Hypothesis: what fails here comes small."""

    def __init__(self) -> None:
        super().__init__()
        self.run = self.new_run()

    def new_run(self) -> ModelRun:
        return ModelRun()

    @rule(
        batch=st.lists(requests, min_size=1, max_size=4),
        session=st.one_of(st.none(), st.tuples(st.integers(0, 2), st.integers(1, 4), st.just(0))),
    )
    def apply(self, batch: list[Any], session: tuple[int, int, int] | None) -> None:
        self.run.apply([(request, session) for request in batch], 300)

    @rule()
    def crash(self) -> None:
        self.run.crash(1)

    @rule(request=ranges)
    def read(self, request: Range) -> None:
        self.run.read(request)

    @invariant()
    def agrees(self) -> None:
        self.run.agrees()

    def teardown(self) -> None:
        self.run.finish()


TestShrinking = Shrinking.TestCase
TestShrinking.settings = settings(max_examples=60, stateful_step_count=15)


def _bare(event: Event) -> Event:
    return Event(event.type, event.kv)
