"""One state is one stream: whatever its history and its store, over any chunk size, through any interruption."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from quorate_node.machine.events import REVISION_KEY_BYTES, encode_event, pack_runs
from quorate_node.machine.interface import Refused
from quorate_node.machine.records import U64
from quorate_node.machine.snapshot.canonical import END, START, MalformedPairs, decode_pairs, read_pairs
from quorate_node.machine.snapshot.compression import pack_chunk, unpack_chunk
from quorate_node.machine.snapshot.file import receive_snapshot_file, verify_snapshot_file, write_snapshot_file
from quorate_node.machine.snapshot.limits import SnapshotLimits
from quorate_node.machine.snapshot.manifest import SNAPSHOT_FORMAT, Manifest, SnapshotHeader, decode_manifest, encode_manifest, whole_hasher
from quorate_node.machine.snapshot.sink import DirectorySnapshotSink
from quorate_node.machine.snapshot.source import CanonicalSnapshotSource
from quorate_node.protocol.membership import Configuration
from quorate_node.store.interface import STATE_FAMILIES, StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from quorate_node.store.rocksdb_state import RocksStateStore
from quorate_node.store.settings import StoreSettings

Opener = Callable[[], StateStore]
Content = dict[tuple[str, bytes], bytes]
COMPACTED = 50
HEADER = SnapshotHeader(7, 100, 3, bytes(32), Configuration(voters=(1, 2, 3)), 60, COMPACTED, 12345, 1)


@pytest.fixture(params=["memory", "rocksdb"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    stores: list[StateStore] = []

    def opener() -> StateStore:
        if request.param == "memory":
            stores.append(MemoryStateStore(MemoryDisk(), "state"))
        else:
            stores.append(RocksStateStore(tmp_path / f"store-{len(stores)}", StoreSettings()))
        return stores[-1]

    yield opener
    for store in stores:
        store.close()


def content_of(seed: int, pairs: int = 300) -> Content:
    """Random pairs of all families, in forms that `is_canonical` keeps."""
    chance = random.Random(seed)
    content: Content = {("meta", b"state"): chance.randbytes(200)}
    for _ in range(pairs):
        family = chance.choice(STATE_FAMILIES)
        key, value = chance.randbytes(chance.randint(1, 12)), chance.randbytes(chance.choice((0, 3, 40, 900)))
        if family == "history":
            value = U64.pack(chance.randint(COMPACTED + 1, 99)) + value
        elif family == "revisions":
            event = encode_event(chance.randint(COMPACTED, 99), chance.randint(0, 9), 0, chance.randint(0, 1), key, 40, value)
            key, value = event[:REVISION_KEY_BYTES], event[REVISION_KEY_BYTES:]
        elif key.startswith(b"local/"):
            continue
        content[family, key] = value
    return content


def fill(store: StateStore, content: Content, seed: int) -> StateStore:
    """Write `content` by a history of its own: another order, overwritten and deleted pairs, flushes, and values of this member alone."""
    chance = random.Random(seed)
    order = list(content)
    chance.shuffle(order)
    purged_later = encode_event(COMPACTED - 1, chance.randint(0, 9), 0, 0, b"old", 40)
    noise = {("meta", b"local/purged"): chance.randbytes(8), ("revisions", purged_later[:REVISION_KEY_BYTES]): purged_later}
    noise["history", chance.randbytes(20)] = U64.pack(COMPACTED)
    for family, key in order:
        batch = store.batch()
        handle = store.family(family)
        if chance.random() < 0.3:
            batch.put(key, b"overwritten", handle)
        if chance.random() < 0.2:
            batch.put(key + b"deleted later", b"x", handle)
            store.write(batch)
            batch = store.batch()
            batch.delete(key + b"deleted later", handle)
        batch.put(key, key + content[family, key] if family == "revisions" else content[family, key], handle)
        store.write(batch)
        if chance.random() < 0.01:
            store.flush()
    pack_some(store, chance)
    batch = store.batch()
    for (family, key), value in noise.items():
        batch.put(key, value, store.family(family))
    store.write(batch)
    return store


def pack_some(store: StateStore, chance: random.Random) -> None:
    """Events that were written one a record, in runs as another grouping of the entries would have left them."""
    batch, run = store.batch(), list[bytes]()
    for key, value in list(store.items("revisions", b"")):
        if chance.random() < 0.2:
            pack_runs(run, batch.writes["revisions"].__setitem__)
            run = []
        if chance.random() < 0.8:
            batch.delete(key, "revisions")
            run += (value, b"")
        else:
            pack_runs(run, batch.writes["revisions"].__setitem__)
            run = []
    pack_runs(run, batch.writes["revisions"].__setitem__)
    store.write(batch)


def source_of(store: StateStore, **limits: float) -> CanonicalSnapshotSource:
    return CanonicalSnapshotSource(store.snapshot(), HEADER, SnapshotLimits(**{"chunk_bytes": 2000, "slice_pairs": 7, **limits}))  # type: ignore[arg-type]


async def chunks_of(source: CanonicalSnapshotSource) -> list[bytes]:
    count = len(decode_manifest(await source.prepare()).sizes)
    return [await source.chunk(number) for number in range(count)]


def pairs_of(chunks: list[bytes]) -> Content:
    return {(STATE_FAMILIES[family], key): value for chunk in chunks for family, key, value in decode_pairs(chunk)}


@pytest.mark.parametrize("seed", range(4))
async def test_equal_states_are_equal_streams(open_store: Opener, seed: int) -> None:
    content = content_of(seed)
    one, other = source_of(fill(open_store(), content, seed + 1)), source_of(fill(open_store(), content, seed + 2), slice_pairs=1)
    assert await one.prepare() == await other.prepare()
    chunks = await chunks_of(one)
    assert chunks == await chunks_of(other)
    assert pairs_of(chunks) == content, "everything of the state, and nothing of one member alone"
    assert all(len(chunk) >= 2000 for chunk in chunks[:-1])
    whole = source_of(fill(open_store(), content, seed), chunk_bytes=1 << 20)
    assert b"".join(await chunks_of(whole)) == b"".join(chunks)
    assert decode_manifest(await whole.prepare()).whole_hash == decode_manifest(await one.prepare()).whole_hash
    for source in (one, other, whole):
        source.close()


async def test_memory_and_rocksdb_give_the_same_bytes(tmp_path: Path) -> None:
    content = content_of(9)
    rocks = RocksStateStore(tmp_path / "rocks", StoreSettings())
    sources = [source_of(fill(MemoryStateStore(MemoryDisk(), "state"), content, 1)), source_of(fill(rocks, content, 2))]
    assert await sources[0].prepare() == await sources[1].prepare()
    for source in sources:
        source.close()
    rocks.close()


async def test_another_value_is_another_hash(open_store: Opener) -> None:
    content = content_of(3)
    hashes = set()
    for changed in (None, *random.Random(1).sample(sorted(content), 3)):
        other = dict(content)
        if changed is not None:
            other[changed] += b"!"
        source = source_of(fill(open_store(), other, 5))
        hashes.add(decode_manifest(await source.prepare()).whole_hash)
        source.close()
    assert len(hashes) == 4


async def test_a_pinned_snapshot_does_not_move(open_store: Opener) -> None:
    store = fill(open_store(), content_of(1), 1)
    source = source_of(store)
    preparing = asyncio.ensure_future(source.prepare())
    await asyncio.sleep(0)
    batch = store.batch()
    for number in range(100):
        batch.put(b"new %d" % number, b"x", store.family("current"))
    batch.delete_range(b"", b"\xff", store.family("members"))
    store.write(batch)
    await preparing
    assert pairs_of(await chunks_of(source)) == content_of(1)
    source.close()


@pytest.mark.parametrize("seed", range(3))
async def test_install_in_any_order_over_restarts(open_store: Opener, tmp_path: Path, seed: int) -> None:
    content = content_of(seed)
    source = source_of(fill(open_store(), content, seed))
    manifest, chunks = await source.prepare(), await chunks_of(source)
    directory = tmp_path / "sink"
    with pytest.raises(Refused, match="chunks are missing"):
        await DirectorySnapshotSink(directory, manifest).install(open_store())
    order = list(range(len(chunks)))
    random.Random(seed).shuffle(order)
    for number in order:
        sink = DirectorySnapshotSink(directory, manifest)
        assert number in sink.missing()
        sink.write(number, chunks[number])
        sink.write(number, chunks[number])
        assert number not in sink.missing()
    sink = DirectorySnapshotSink(directory, manifest)
    assert sink.missing() == [] and sink.received_bytes == sum(map(len, chunks))
    target = open_store()
    await sink.install(target)
    installed = source_of(target)
    assert await installed.prepare() == manifest
    with pytest.raises(ValueError, match="is not empty"):
        await sink.install(target)
    sink.discard()
    assert list(directory.iterdir()) == []
    installed.close()
    source.close()


async def test_wrong_torn_and_foreign_chunks_are_refused(open_store: Opener, tmp_path: Path) -> None:
    source = source_of(fill(open_store(), content_of(1), 1))
    manifest, chunks = await source.prepare(), await chunks_of(source)
    sink = DirectorySnapshotSink(tmp_path / "sink", manifest)
    for number, data, message in (
        (len(chunks), b"x", "does not exist"),
        (-1, b"x", "does not exist"),
        (0, chunks[0][:-1], "the manifest says"),
        (0, chunks[0][:-1] + bytes([chunks[0][-1] ^ 1]), "another SHA-256"),
    ):
        with pytest.raises(Refused, match=message):
            sink.write(number, data)
    for number, chunk in enumerate(chunks):
        sink.write(number, chunk)
    damaged = tmp_path / "sink" / "chunk-0000000001"
    damaged.write_bytes(bytes(len(chunks[1])))
    target = open_store()
    with pytest.raises(Refused, match="damaged on this disk"):
        await sink.install(target)
    assert sink.missing() == [1]
    assert target.getter("meta")(b"state") is None, "a state that is not whole has no applied index"
    sink.write(1, chunks[1])
    await sink.install(open_store())
    other = source_of(fill(open_store(), content_of(2), 1))
    assert len(DirectorySnapshotSink(tmp_path / "sink", await other.prepare()).missing()) == len(await chunks_of(other))
    other.close()
    source.close()


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_the_file_comes_back_and_every_fault_is_named(open_store: Opener, tmp_path: Path) -> None:
    source = source_of(fill(open_store(), content_of(4, 60), 1))
    data = b"".join([piece async for piece in write_snapshot_file(source)])
    for size in (1, 777, len(data)):
        sink, application = await receive_snapshot_file(pieces(data, size), tmp_path / f"file-{size}")
        assert application is None
        target = open_store()
        await sink.install(target)
        assert await source_of(target).prepare() == await source.prepare()
    assert (await verify_snapshot_file(pieces(data, 100))).header == HEADER
    for cut in [0, 5, 13, 14, 200, *range(300, len(data), 977), len(data) - 1]:
        with pytest.raises(Refused, match=f"cut at byte {cut}, inside"):
            await verify_snapshot_file(pieces(data[:cut], 100))
    for faulty, message in (
        (b"x" + data[1:], "not a Quorate snapshot"),
        (data[:8] + b"\x00\x03" + data[10:], "format is 3, this release reads formats up to 2"),
        (data[:8] + b"\x00\x02" + data[10:], "inside the application's snapshot"),
        (data[:8] + b"\x00\x00" + data[10:], "format is 0"),
        (data[:10] + b"\xff\xff\xff\xff" + data[14:], "the limit is"),
        (data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], "another SHA-256 than its manifest"),
        (data[:-1] + bytes([data[-1] ^ 1]), "trailer is"),
        (data + b"x", f"goes on after its trailer, which ends at byte {len(data)}"),
    ):
        with pytest.raises(Refused, match=message):
            await verify_snapshot_file(pieces(faulty, 100))
    source.close()


async def test_a_source_ends_by_idleness_lifetime_and_close(open_store: Opener) -> None:
    store = fill(open_store(), content_of(1, 50), 1)
    idle, old, closed = source_of(store, idle_s=0.02), source_of(store, lifetime_s=0.02), source_of(store)
    await closed.prepare()
    closed.close()
    closed.close()
    await asyncio.sleep(0.1)
    for source, why in ((idle, "nobody asked"), (old, "its lifetime ended"), (closed, "it was closed")):
        assert source.closed
        with pytest.raises(Refused, match=why) as refused:
            await source.chunk(0)
        assert refused.value.error == "NotReady"
    with pytest.raises(ValueError, match="chunk_bytes is 0"):
        source_of(store, chunk_bytes=0)
    live = source_of(store)
    assert live.manifest() is None
    with pytest.raises(Refused, match="chunk 9999 does not exist"):
        await live.chunk(9999)
    assert live.manifest() == await live.prepare()
    live.close()


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (b"\x01" * 8, "header is cut at byte 0"),
        (b"\x01" + bytes(3) + b"\x05" + bytes(4) + b"abc", "needs 2 bytes more"),
        (b"\x63" + bytes(8), "is of family 99"),
        (b"\x00" + bytes(3) + b"\x07" + bytes(4) + b"local/x", "member's own"),
    ],
)
def test_malformed_pairs_are_named(chunk: bytes, message: str) -> None:
    with pytest.raises(MalformedPairs, match=message):
        list(decode_pairs(chunk))


def test_an_empty_state_is_an_empty_stream() -> None:
    assert read_pairs(MemoryStateStore(MemoryDisk(), "state"), 0, START, 1, 1) == (b"", END)


@pytest.mark.parametrize("level", [0, 1, 3, 19])
def test_packed_chunks_come_back(level: int) -> None:
    for chunk in (b"a" * 10_000, random.Random(1).randbytes(1000), b""):
        assert unpack_chunk(pack_chunk(chunk, level), len(chunk)) == chunk


def test_a_packed_chunk_never_makes_more_than_it_may() -> None:
    bomb = pack_chunk(bytes(50_000_000), 19)
    for packed, message in ((bomb, "unpacks to 101 bytes"), (b"\x01junk", "no zstd frame"), (b"\x02", "packed as 02"), (b"", "nothing")):
        with pytest.raises(Refused, match=message):
            unpack_chunk(packed, 100)
    with pytest.raises(ValueError, match="level is 20"):
        pack_chunk(b"", 20)


def test_a_manifest_is_checked_and_compared() -> None:
    with pytest.raises(Refused, match="cannot be decoded"):
        decode_manifest(b"junk")
    metadata = HEADER.metadata()
    manifest = decode_manifest(_manifest())
    manifest.expect(metadata, 7)
    with pytest.raises(Refused, match=r"manifest.cluster_id is 7: this member belongs to cluster 8"):
        manifest.expect(metadata, 8)
    with pytest.raises(Refused, match=r"manifest.hashes is 0 bytes"):
        decode_manifest(_manifest(sizes=(5,)))
    with pytest.raises(Refused, match=r"manifest.format is 3: this release reads formats up to 2"):
        decode_manifest(_manifest(format=3))
    with pytest.raises(Refused, match=r"sizes\[0\] is 0"):
        decode_manifest(_manifest(sizes=(0,), hashes=bytes(32)))


def _manifest(**changes: object) -> bytes:
    return encode_manifest(msgspec.structs.replace(Manifest(SNAPSHOT_FORMAT, HEADER, 10, (), b"", bytes(32)), **changes))


async def test_a_store_that_stalls_is_waited_for(tmp_path: Path) -> None:
    source = source_of(fill(MemoryStateStore(MemoryDisk(), "state"), content_of(2), 1))
    sink = DirectorySnapshotSink(tmp_path, await source.prepare())
    for number, chunk in enumerate(await chunks_of(source)):
        sink.write(number, chunk)
    target = MemoryStateStore(MemoryDisk(), "state")
    target.stalled = True
    installing = asyncio.ensure_future(sink.install(target))
    await asyncio.sleep(0.1)
    assert not installing.done()
    target.stalled = False
    await installing
    assert await source_of(target).prepare() == await source.prepare()
    source.close()


async def test_what_is_not_in_order_is_not_installed(tmp_path: Path) -> None:
    pair = b"\x01" + bytes(3) + b"\x01" + bytes(4)
    for name, chunk, whole, message in (
        ("order", pair + b"b" + pair + b"a", None, "key b'a' of family current is out of order"),
        ("twice", pair + b"a" + pair + b"a", None, "is out of order"),
        ("whole", pair + b"a", bytes(32), "whole hash"),
    ):
        digest = whole_hasher(HEADER)
        digest.update(chunk)
        manifest = Manifest(SNAPSHOT_FORMAT, HEADER, 10, (len(chunk),), sha256(chunk).digest(), whole or digest.digest())
        sink = DirectorySnapshotSink(tmp_path / name, encode_manifest(manifest))
        sink.write(0, chunk)
        with pytest.raises(Refused, match=message):
            await sink.install(MemoryStateStore(MemoryDisk(), "state"))
