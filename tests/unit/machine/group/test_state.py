"""The replicated group survives restarts and travels in snapshots; a restored cluster has none; it is decoded once, not at each entry."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from quorate.wire.commands import Put
from quorate_node.crypto.mls.codec import encode
from quorate_node.machine import committed as committed_file
from quorate_node.machine.group.state import GROUP_FORMAT, GROUP_KEY, ReplicatedGroup, decode_group, encode_group
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.machine.restore import restore_into_new_cluster
from quorate_node.protocol.membership import Configuration
from quorate_node.store.errors import Backpressure, Damaged, FormatTooNew
from quorate_node.store.interface import StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import Member, command
from tests.unit.machine.group.harness import Cluster, created, record


def lived(store: StateStore) -> Cluster:
    """A group with a removed member's leaf, a former group and several epochs behind it."""
    cluster = created(1, 2, 3, machine=Member(store, digest_interval=1))
    cluster.one(cluster.create(2, 1, 3))
    cluster.one(cluster.commit(2, updates=(1,)))
    cluster.configure(put=(4,), removed=(3,))
    cluster.one(cluster.commit(1, add=(4,)))
    return cluster


def same(found: ReplicatedGroup | None, expected: ReplicatedGroup) -> None:
    assert found == expected
    assert found is not None
    assert found.public.interim_transcript_hash == expected.public.interim_transcript_hash


def test_a_restart_finds_the_group_and_goes_on(store: StateStore) -> None:
    cluster = lived(store)
    before = cluster.group
    cluster.member.machine = KeyValueMachine.open(store, digest_interval=1)
    cluster.listen()
    same(cluster.machine.group, before)
    assert not hasattr(cluster.one(cluster.commit(4)), "error")


def test_a_record_is_read_as_it_was_written(memory_member: Member) -> None:
    group = lived(memory_member.store).group
    same(decode_group(encode_group(group)), group)
    assert encode_group(decode_group(encode_group(group))) == encode_group(group)


def test_a_snapshot_carries_the_group(store: StateStore, tmp_path: Path) -> None:
    cluster = lived(store)
    other = KeyValueMachine.open(MemoryStateStore(MemoryDisk(), "2"), digest_interval=1)
    asyncio.run(send(cluster.machine, other, tmp_path))
    same(other.group, cluster.group)
    cluster.apply(cluster.commit(1), command(Put(b"a")))
    cluster.replay(other)
    same(other.group, cluster.group)
    assert other.digests()[-1] == cluster.machine.digests()[-1]
    assert asyncio.run(manifest(cluster.machine)) == asyncio.run(manifest(other))


async def manifest(machine: KeyValueMachine) -> bytes:
    source = machine.open_snapshot()
    try:
        return await source.prepare()
    finally:
        source.close()


async def send(machine: KeyValueMachine, other: KeyValueMachine, directory: Path) -> None:
    source = machine.open_snapshot()
    sink = other.open_sink(directory / "snapshot", await source.prepare())
    for number in sink.missing():
        sink.write(number, await source.chunk(number))
    source.close()
    store = MemoryStateStore(MemoryDisk(), "3")
    await sink.install(store)
    other.replace_store(store)


def test_a_member_whose_group_came_with_a_snapshot_is_told_of_later_entries_only(tmp_path: Path) -> None:
    cluster = created(1, 2)
    other = KeyValueMachine.open(MemoryStateStore(MemoryDisk(), "2"))
    told: list[object] = []
    other.on_group(told.append)
    asyncio.run(send(cluster.machine, other, tmp_path))
    assert told == []
    cluster.one(cluster.commit(1))
    cluster.replay(other)
    assert len(told) == 1


def test_a_restored_cluster_makes_a_new_group(store: StateStore) -> None:
    lived(store)
    restore_into_new_cluster(store, [record(9)], Configuration(voters=(9,)))
    assert store.getter("meta")(GROUP_KEY) is None
    cluster = Cluster((9,), machine=Member(store, digest_interval=1))
    assert cluster.machine.group is None
    assert not hasattr(cluster.one(cluster.create(9)), "error")


def test_a_group_is_not_decoded_for_each_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = created(1, 2)
    monkeypatch.setattr(committed_file, "decode_group", lambda _: pytest.fail("decoded anew"))
    for by in (1, 2, 1):
        assert not hasattr(cluster.one(cluster.commit(by)), "error")


def test_a_write_that_the_store_refused_is_done_again(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then the group is where it was, and nobody is told."""
    cluster = created(1, 2, machine=Member(store, digest_interval=1))
    before, request, events = cluster.group, cluster.commit(1), len(cluster.events)

    def full(*_: object) -> None:
        raise Backpressure("busy")

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "write", full)
        with pytest.raises(Backpressure):
            cluster.one(request)
    assert cluster.machine.group is before
    assert len(cluster.events) == events
    assert not hasattr(cluster.one(request), "error")


def written(group: ReplicatedGroup, place: int, value: object) -> bytes:
    """The record with another value in one of its fields."""
    fields = msgspec.msgpack.decode(encode_group(group))
    fields[place] = value
    return msgspec.msgpack.encode(fields)


def test_a_damaged_record_stops_the_member_with_a_reason() -> None:
    group = created(1, 2).group
    other = created(1, 2, seed="other").group
    with pytest.raises(FormatTooNew, match=f"the key group's format is 9 and this release reads {GROUP_FORMAT}"):
        decode_group(written(group, 0, 9))
    with pytest.raises(Damaged, match="the record of the key group cannot be read"):
        decode_group(b"\x90")
    with pytest.raises(Damaged, match="the record of the key group cannot be read"):
        decode_group(written(group, 3, b"\x01"))
    with pytest.raises(Damaged, match="its hash is another one"):
        decode_group(written(group, 3, encode(other.public.tree)))
