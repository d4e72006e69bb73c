"""Three replicas in one process: they form, agree, fail over, catch up, and lose nothing that was acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from quorate.wire.commands import Command, CommandKind, Put, Range
from quorate.wire.results import PutResult
from quorate_node.replica.service import Consistency, ServiceError

from .network import LocalCluster, Node


def put(key: bytes, value: bytes) -> Command:
    return Command(CommandKind.PUT, 1, 0, 0, 0, "", 0, msgspec.Raw(msgspec.msgpack.encode(Put(key, value))))


async def get(node: Node, key: bytes, consistency: int = Consistency.LINEARIZABLE) -> bytes | None:
    await node.service.read_barrier(consistency)
    kvs = node.service.machine.range(Range(key)).kvs
    return kvs[0].value if kvs else None


async def test_three_members_form_within_two_seconds_and_every_member_takes_writes_and_reads() -> None:
    async with LocalCluster(3) as cluster:
        async with asyncio.timeout(2):
            await cluster.formed()
        for number, node in enumerate(cluster.nodes):
            result = await node.service.execute(put(b"key", b"%d" % number))
            assert isinstance(result, PutResult)
            for reader in cluster.nodes:
                assert await get(reader, b"key") == b"%d" % number


async def test_many_writes_at_once_share_few_entries() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        before = leader.service.status().last_index
        await asyncio.gather(*(leader.service.execute(put(b"k%d" % i, b"v")) for i in range(500)))
        assert leader.service.status().last_index - before <= 4
        assert leader.service.machine.range(Range(b"k", b"l", count_only=True)).count == 500


async def test_a_crashed_leader_is_replaced_and_nothing_acknowledged_is_lost() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        leader = cluster.leader()
        for number in range(20):
            await leader.service.execute(put(b"k%d" % number, b"v"))
        await leader.crash()
        survivor = cluster.followers()[0]
        await survivor.service.execute(put(b"after", b"v"))
        for number in range(20):
            assert await get(survivor, b"k%d" % number) == b"v"
        await leader.start()
        await cluster.until(lambda: leader.replica.member is not None)
        assert await get(leader, b"after") == b"v"


async def test_all_members_crash_at_once_and_come_back_with_everything() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        await cluster.leader().service.execute(put(b"key", b"value"))
        for node in cluster.nodes:
            await node.crash()
        for node in cluster.nodes:
            await node.start()
        await cluster.formed()
        assert await get(cluster.nodes[2], b"key") == b"value"


async def test_a_follower_refuses_to_forward_when_asked_not_to() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        with pytest.raises(ServiceError) as refused:
            await cluster.followers()[0].service.execute(put(b"k", b"v"), forward=False)
        assert refused.value.error == "NotLeader"
        assert cluster.followers()[0].service.leader() == (cluster.leader().replica.member_id, cluster.leader().url)


async def test_a_leader_that_is_cut_off_confirms_no_read() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        old = cluster.leader()
        await old.service.execute(put(b"key", b"old"))
        cluster.network.cut.add(old.url)
        read = asyncio.create_task(get(old, b"key"))
        other = next(node for node in cluster.nodes if node is not old)
        await cluster.until(lambda: any(node.service.is_leader() for node in cluster.nodes if node is not old))
        await other.service.execute(put(b"key", b"new"))
        await asyncio.sleep(0.3)
        assert not read.done()
        with pytest.raises(ServiceError):
            await old.service.read_barrier(Consistency.LEASE, timeout_s=0.3)
        cluster.network.cut.clear()
        assert await read == b"new"


async def test_leadership_moves_on_request_and_before_stopping() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        await asyncio.sleep(0.1)  # a member that has just started keeps promises that an earlier life of it may have made
        target = cluster.followers()[0]
        await target.service.transfer_leadership(target.replica.member_id)
        await cluster.until(target.service.is_leader)
        await target.stop()
        await cluster.until(lambda: any(node.service.is_leader() for node in cluster.nodes if node is not target), timeout_s=1)


async def test_a_member_far_behind_is_restored_from_a_snapshot() -> None:
    changes = {"compact_every_entries": 20, "log_keep_entries": 5, "compact_check_ms": 50}
    async with LocalCluster(3, **changes) as cluster:
        await cluster.formed()
        behind = cluster.followers()[0]
        await behind.crash()
        leader = cluster.leader()
        for number in range(100):
            await leader.service.execute(put(b"k%d" % number, b"v"))
        await cluster.until(lambda: leader.service.status().first_index > behind.disk_last_index())
        await behind.start()
        await cluster.until(lambda: behind.replica.member is not None and behind.service.status().first_index > 20)
        for number in range(100):
            assert await get(behind, b"k%d" % number) == b"v"


async def test_members_are_added_promoted_and_removed() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        fourth = Node(cluster, 4)
        cluster.nodes.append(fourth)
        await fourth.start()
        await cluster.formed()
        index, members = fourth.service.members()
        assert [member.role for member in members] == ["voter"] * 4
        with pytest.raises(ServiceError) as refused:
            await cluster.nodes[0].service.remove_member(fourth.replica.member_id, expected_configuration_index=index - 1)
        assert refused.value.error == "ConfigurationChanged"
        leader = cluster.leader()
        await leader.service.remove_member(leader.replica.member_id, expected_configuration_index=None)
        rest = [node for node in cluster.nodes if node is not leader]
        await cluster.until(lambda: all(len(node.service.machine.configuration.voters) == 3 for node in rest))
        assert await rest[0].service.execute(put(b"k", b"v"))


async def test_an_empty_directory_comes_back_as_a_new_member_in_place_of_the_old() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        lost = cluster.followers()[0]
        old_id = lost.replica.member_id
        await cluster.leader().service.execute(put(b"key", b"value"))
        await lost.crash()
        cluster.nodes[cluster.nodes.index(lost)] = fresh = Node(cluster, lost._number)
        await fresh.start()
        await cluster.formed()
        assert fresh.replica.member_id not in (0, old_id)
        assert await get(fresh, b"key") == b"value"


async def test_a_witness_votes_and_holds_no_data() -> None:
    cluster = LocalCluster(2)
    cluster.nodes.append(Node(cluster, 3, witness=True))
    async with cluster:
        await cluster.formed()
        witness = cluster.nodes[2]
        assert witness.service.status().role == "witness"
        leader = cluster.leader()
        await leader.service.execute(put(b"key", b"value"))
        other = next(node for node in cluster.nodes[:2] if node is not leader)
        await other.crash()
        assert await leader.service.execute(put(b"key", b"two of three"))
        assert not any(b"two of three" in bytes(entry.data) for entry in witness.storage.log.entries(1, 3, 1 << 20))


async def test_a_witness_that_comes_when_the_log_was_compacted_votes_at_once() -> None:
    """It is told to go on from where it is known: not from where the log begins, in whose configuration it is not."""
    async with LocalCluster(1, compact_every_entries=20, log_keep_entries=5, compact_check_ms=20) as cluster:
        await cluster.formed()
        founder, witness = cluster.nodes[0], Node(cluster, 2, witness=True)
        for number in range(40):
            await founder.service.execute(put(b"key", b"%d" % number))
        await cluster.until(lambda: founder.storage.log.first_index() > 1)
        cluster.nodes.append(witness)
        await witness.start()
        await cluster.formed()
        assert await founder.service.execute(put(b"key", b"two of two"))
        assert witness.service.status().applied_index >= founder.storage.log.first_index()


async def test_a_second_bootstrap_under_the_same_token_is_refused() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        with pytest.raises(ServiceError) as refused:
            await cluster.nodes[0].service.bootstrap("secret")
        assert refused.value.error == "AlreadyBootstrapped"


async def test_a_snapshot_restores_into_a_new_cluster_that_others_can_join() -> None:
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        source = cluster.nodes[0].service
        for number in range(50):
            await source.execute(put(b"k%d" % number, b"v"))
        old_revision = source.machine.revision
        pieces = [piece async for piece in source.snapshot_stream()]

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    restored = LocalCluster(2)
    restored.nodes[0].token = ""
    async with restored:
        await restored.nodes[0].service.bootstrap("another", stream())
        await restored.formed()
        for node in restored.nodes:
            assert await get(node, b"k49") == b"v"
            assert node.service.machine.revision > old_revision + 1_000_000
            assert node.service.cluster_id != source.cluster_id


async def test_all_logs_have_the_chain_that_the_states_have_the_founders_too() -> None:
    """By it entries are repaired, and a log that begins after a state is held against what follows."""
    async with LocalCluster(2) as cluster:
        await cluster.formed()
        await cluster.leader().service.execute(put(b"key", b"value"))
        await cluster.until(lambda: len({node.service.status().applied_index for node in cluster.nodes}) == 1)
        machines = [node.service.machine for node in cluster.nodes]
        for log in [node.storage.log for node in cluster.nodes]:
            assert {log.chain(machine.applied_index) for machine in machines} == {machine.chain for machine in machines}


async def test_a_founder_that_comes_back_with_a_flushed_state_has_its_log_still() -> None:
    async with LocalCluster(2) as cluster:
        await cluster.formed()
        founder = cluster.nodes[0]
        await founder.service.execute(put(b"key", b"value"))
        await founder.stop()
        last = founder.disk_last_index()
        await founder.start()
        await cluster.formed()
        assert founder.storage.log.first_index() == 1 and founder.disk_last_index() >= last


async def test_a_damaged_old_entry_is_repaired_from_peers_before_the_member_takes_part() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        for number in range(10):
            await cluster.leader().service.execute(put(b"k%d" % number, b"v"))
        hurt = cluster.followers()[0]
        await cluster.until(lambda: hurt.service.status().applied_index == cluster.leader().service.status().applied_index)
        middle = hurt.disk_last_index() - 4
        await hurt.crash()
        hurt.disk.damage_record(middle)
        await hurt.start()
        await cluster.until(lambda: hurt.replica.member is not None)
        assert hurt.storage.log.damaged() == []
        assert hurt.storage.log.entries(middle, middle + 1, 1 << 20)
        assert await get(hurt, b"k9") == b"v"


async def test_a_damaged_tail_is_fetched_anew_from_a_confirmed_leader() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        for number in range(10):
            await cluster.leader().service.execute(put(b"k%d" % number, b"v"))
        hurt = cluster.followers()[0]
        last = hurt.disk_last_index()
        await hurt.crash()
        for index in (last - 1, last):
            hurt.disk.damage_record(index)
        hurt.disk.damage_marker()
        await hurt.start()
        await cluster.until(lambda: hurt.replica.member is not None)
        assert hurt.storage.log.damaged() == []
        assert await get(hurt, b"k9") == b"v"


async def test_a_damaged_member_alone_waits_and_does_not_vote() -> None:
    async with LocalCluster(3) as cluster:
        await cluster.formed()
        for number in range(10):
            await cluster.leader().service.execute(put(b"k%d" % number, b"v"))
        hurt, other = cluster.followers()
        leader = cluster.leader()
        middle = hurt.disk_last_index() - 4
        await hurt.crash()
        await other.crash()
        hurt.disk.damage_record(middle)
        cluster.network.cut.add(leader.url)
        await hurt.start()
        await other.start()
        await asyncio.sleep(1.0)
        assert hurt.service.status().role == "repairing" or hurt.storage.log.damaged() == []
        cluster.network.cut.clear()
        await cluster.until(lambda: hurt.replica.member is not None)
        assert await get(hurt, b"k9") == b"v"


async def test_expired_leases_take_their_keys_along_and_kept_ones_stay() -> None:
    from quorate.wire.commands import LeaseGrant, LeaseKeepAlive
    from quorate.wire.results import LeaseResult

    def command(kind: CommandKind, payload: object) -> Command:
        return Command(kind, 1, 0, 0, 0, "", 0, msgspec.Raw(msgspec.msgpack.encode(payload)))

    async with LocalCluster(3, expiry_interval_ms=20) as cluster:
        await cluster.formed()
        service = cluster.leader().service
        for lease in (1, 2):
            granted = await service.execute(command(CommandKind.LEASE_GRANT, LeaseGrant(1000, lease)))
            assert isinstance(granted, LeaseResult)
            await service.execute(command(CommandKind.PUT, Put(b"key%d" % lease, b"v", lease)))
        for _ in range(20):
            await service.execute(command(CommandKind.LEASE_KEEPALIVE, LeaseKeepAlive((2,))))
            await asyncio.sleep(0.08)
        assert await get(cluster.leader(), b"key1") is None
        assert await get(cluster.leader(), b"key2") == b"v"
