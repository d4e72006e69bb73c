"""A damaged log whose entries nobody has any more: a peer's state takes their place, and nothing is voted or acknowledged before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quorate_node.machine.interface import Machine, Refused, SnapshotSink
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.replica.replica import Replica
from quorate_node.replica.state_recovery import StateRecovery
from quorate_node.replica.storage import Storage
from quorate_node.store import StoreSettings, open_store
from quorate_node.store.interface import StateStore
from tests.unit.replica.damaged import left_behind, whole, write
from tests.unit.replica.network import LocalCluster, Node
from tests.unit.replica.test_cluster import get, put

DAMAGED = 8


async def test_entries_that_everybody_has_compacted_are_replaced_by_a_peers_state() -> None:
    async with left_behind() as (cluster, hurt):
        hurt.disk.damage_record(hurt.disk_last_index() - 4)
        await hurt.start()
        await whole(cluster, hurt)
        assert hurt.storage.log.first_index() > hurt.service.status().applied_index - 70
        assert await get(hurt, b"k59") == b"v60"
        assert hurt.telemetry.snapshots_installed.value == 1


async def test_a_peer_that_is_alone_gives_a_state_too_because_all_that_it_has_applied_was_committed() -> None:
    """Else two of three, one of them damaged, could never lead again."""
    async with left_behind() as (cluster, hurt):
        hurt.disk.damage_record(hurt.disk_last_index() - 4)
        await cluster.nodes[0].crash()
        await hurt.start()
        await cluster.until(lambda: hurt.replica.member is not None)
        await cluster.until(lambda: any(node.service.is_leader() for node in cluster.nodes[1:]))
        assert await get(hurt, b"k59") == b"v60"


async def test_a_lost_end_waits_for_a_confirmed_leader_even_when_a_state_is_there() -> None:
    """What was in the lost batch may have been acknowledged, and may lie behind what the one peer that answers has applied."""
    async with left_behind() as (cluster, hurt):
        hurt.disk.damage_marker()
        away = cluster.followers()[0]
        cluster.network.cut.add(away.url)
        await hurt.start()
        await asyncio.sleep(1.0)
        assert hurt.replica.member is None and hurt.service.status().role == "repairing"
        assert hurt.storage.log.damaged() != []
        cluster.network.cut.clear()
        await whole(cluster, hurt)


async def test_a_member_whose_state_is_beyond_its_lost_end_does_not_take_part_with_it() -> None:
    """As after a crash between the new state and the log: the log begins after the state, and its end is still in doubt."""
    async with left_behind() as (cluster, hurt):
        hurt.disk.damage_marker()
        away = cluster.followers()[0]
        cluster.network.cut.add(away.url)
        await hurt.start()
        await cluster.until(lambda: hurt.storage.log.first_index() > 60)
        await hurt.crash()
        await hurt.start()
        await asyncio.sleep(0.5)
        assert hurt.replica.member is None and hurt.storage.log.damaged() != []
        cluster.network.cut.clear()
        await whole(cluster, hurt)


async def test_the_term_of_a_state_is_entered_before_the_state_is_used() -> None:
    """A member of an older term, with what a newer one committed, could confirm an old leader's entries in their place."""
    async with left_behind() as (cluster, hurt):
        hurt.disk.damage_record(hurt.disk_last_index() - 4)
        before = hurt.disk.durable["hard_state"].term
        leader = cluster.leader()
        await leader.crash()
        await leader.start()
        await cluster.until(lambda: any(not node.replica.stopping and node.service.is_leader() for node in cluster.nodes[:2]))
        await write(cluster, 60)
        term = cluster.leader().service.status().term
        assert term > before
        used: list[tuple[int, int]] = []

        async def swap_state(metadata: SnapshotMetadata) -> None:
            used.append((hurt.disk.durable["hard_state"].term, metadata.term))
            await swap(metadata)

        await hurt.start()
        swap, hurt.storage.swap_state = hurt.storage.swap_state, swap_state  # type: ignore[method-assign]
        await whole(cluster, hurt)
        assert used == [(term, term)]


async def test_a_damaged_witness_takes_where_a_peer_is_in_place_of_a_state() -> None:
    async with left_behind(witness=True) as (cluster, hurt):
        hurt.disk.damage_record(hurt.disk_last_index() - 4)
        await hurt.start()
        await cluster.until(lambda: hurt.replica.member is not None)
        assert hurt.storage.log.damaged() == []
        assert hurt.storage.log.first_index() > 60


async def test_members_that_are_all_damaged_each_elsewhere_repair_one_another() -> None:
    """None of them is at work, and none may lead, before it is whole."""
    async with LocalCluster(3, join_retry_ms=50) as cluster:
        await cluster.formed()
        await write(cluster, 20)
        await cluster.until(lambda: len({node.service.status().applied_index for node in cluster.nodes}) == 1)
        last = cluster.leader().disk_last_index()
        for number, node in enumerate(cluster.nodes):
            await node.crash()
            node.disk.damage_record(last - 12 + 3 * number)
        for node in cluster.nodes:
            await node.start()
        await cluster.formed()
        for node in cluster.nodes:
            assert node.storage.log.damaged() == []
            assert await get(node, b"k19") == b"v20"


class Sink:
    """A snapshot with nothing in it."""

    def __init__(self, damaged: bool) -> None:
        self._damaged = damaged

    async def install(self, store: StateStore) -> None:
        if self._damaged:
            raise Refused("InvalidArgument", "a chunk was damaged on this disk")


def sink(*, damaged: bool) -> SnapshotSink:
    return Sink(damaged)  # type: ignore[return-value]


@asynccontextmanager
async def cut_off_with_old_damage(join_retry_ms: int) -> AsyncIterator[tuple[LocalCluster, Node]]:
    """A member whose state has outlived its damaged entry, and whom nobody answers when it starts."""
    async with LocalCluster(3, join_retry_ms=join_retry_ms) as cluster:
        await cluster.formed()
        await write(cluster, 20)
        hurt = cluster.followers()[0]
        await cluster.until(lambda: hurt.service.status().applied_index >= 20)
        await hurt.storage.flush_state()
        await hurt.crash()
        hurt.disk.damage_record(DAMAGED)
        cluster.network.cut.add(hurt.url)
        await hurt.start()
        yield cluster, hurt


async def test_peers_that_do_not_answer_at_once_are_asked_again_for_what_the_state_has_outlived() -> None:
    async with cut_off_with_old_damage(join_retry_ms=100) as (cluster, hurt):
        await asyncio.sleep(0.5)
        assert hurt.replica.repairing and hurt.storage.log.damaged() == [(DAMAGED, DAMAGED + 1)]
        cluster.network.cut.clear()
        await cluster.until(lambda: hurt.replica.member is not None)
        assert [entry.index for entry in hurt.storage.log.entries(DAMAGED, DAMAGED + 1, 1_000)] == [DAMAGED]
        assert hurt.telemetry.repaired_entries.value == 1


async def test_they_are_not_waited_for_for_ever() -> None:
    async with cut_off_with_old_damage(join_retry_ms=1) as (cluster, hurt):
        await cluster.until(lambda: hurt.replica.member is not None)
        assert hurt.storage.log.first_index() > DAMAGED
        assert hurt.telemetry.repaired_entries.value == 0


async def test_a_snapshot_that_cannot_be_installed_leaves_room_for_the_next(tmp_path: Path) -> None:
    def open_machine(state: StateStore, cluster_id: int) -> KeyValueMachine:
        return KeyValueMachine.open(state, cluster_id=cluster_id)

    stores = open_store(tmp_path / "data", StoreSettings(reserve_bytes=1, headroom_bytes=0))
    storage = Storage(stores, open_machine, False, "m1")
    with pytest.raises(Refused) as failed:
        await storage.prepare_state(sink(damaged=True), None)
    assert (await storage.prepare_state(sink(damaged=False), None)).index == 0
    assert failed.tb is not None, "while somebody still holds the frames that knew of the first: nothing but closing it lets it go"
    await storage.drop_prepared_state()
    await storage.close(flush=False)


async def test_damage_that_is_repaired_when_a_state_lies_beyond_it_leaves_a_log_that_begins_after_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A peer that still had the entries did not answer before."""
    async with left_behind() as (cluster, hurt):
        index = hurt.disk_last_index()
        lost = hurt.storage.log.entries(index, index + 1, 1 << 20)
        hurt.disk.damage_record(index)
        use = StateRecovery._use

        async def use_and_repair(self: StateRecovery, peer: int, metadata: SnapshotMetadata) -> None:
            await use(self, peer, metadata)
            self._storage.log.repair(lost)

        monkeypatch.setattr(StateRecovery, "_use", use_and_repair)
        await hurt.start()
        await whole(cluster, hurt)
        assert hurt.storage.log.first_index() > index
        assert await get(hurt, b"k59") == b"v60"


async def test_what_lies_before_the_damage_and_was_never_committed_is_replaced_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else entries of a deposed leader would stay in the midst of its log, taken for the cluster's by a leader that asks for its end."""
    async with LocalCluster(3, join_retry_ms=50, batch_commands_max=1, pipeline_entries_max=1_000) as cluster:
        await cluster.formed()
        deposed = cluster.leader()
        await write(cluster, 3)
        cluster.network.cut.add(deposed.url)
        committed = deposed.disk_last_index()
        lost = [asyncio.ensure_future(deposed.service.execute(put(b"lost", b"%d" % number))) for number in range(8)]
        await cluster.until(lambda: deposed.disk_last_index() >= committed + 8)
        await deposed.crash()
        for waiting in lost:
            waiting.cancel()
        others = [node for node in cluster.nodes if node is not deposed]
        await cluster.until(lambda: any(node.service.is_leader() for node in others))
        await write(cluster, 20)
        deposed.disk.damage_record(committed + 6)
        cluster.network.cut.clear()
        make_whole, recovered = Replica._make_whole, list[Entry]()

        async def make_whole_and_look(self: Replica, peers: list[int], machine: Machine) -> None:
            await make_whole(self, peers, machine)
            recovered.extend(deposed.storage.log.entries(committed, committed + 10, 1 << 20))

        monkeypatch.setattr(Replica, "_make_whole", make_whole_and_look)
        await deposed.start()
        await whole(cluster, deposed)
        assert recovered == cluster.leader().storage.log.entries(committed, committed + 10, 1 << 20)
