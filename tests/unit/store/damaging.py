"""Damage of a log where it lies, for each kind of store."""

from __future__ import annotations

from tests.unit.store.support import Member, change_bytes, file_backend, record_place


def damage(member: Member, *indexes: int) -> None:
    """Flip a bit of these entries where they lie; the member is closed around it."""
    chained = member.log
    if member.kind == "memory":
        member.stores.close()
        for index in indexes:
            member.disk.damage_record(index, bit=400)
    elif member.kind == "file":
        for index in indexes:
            path, offset, length = record_place(chained, index)
            change_bytes(path, offset + length - 5, bytes([path.read_bytes()[offset + length - 5] ^ 1]))
        member.stores.close()
    else:
        backend = chained._backend
        database = backend._database  # type: ignore[attr-defined]
        for index in indexes:
            record = bytearray(database.get(index.to_bytes(8, "big")))
            record[50] ^= 1
            database.put(index.to_bytes(8, "big"), bytes(record))
        del database, backend, chained
        member.stores.close()
    member.open()


def lose_record(member: Member, index: int) -> None:
    """Under an open log, behind its cache."""
    if member.kind == "memory":
        member.disk.damage_record(index, bit=401)
    elif member.kind == "file":
        path, offset, length = record_place(member.log, index)
        change_bytes(path, offset, bytes(length))
    else:
        member.log._backend._database.delete(index.to_bytes(8, "big"))  # type: ignore[attr-defined]


def damage_marker(member: Member) -> None:
    """Of the last batch."""
    if member.kind == "memory":
        member.disk.damage_marker()
    elif member.kind == "file":
        current = file_backend(member.log)._current
        assert current is not None
        change_bytes(current.path, current.end - 20, b"?")
    else:
        member.log._backend._meta.put(b"marker", b"?" * 90)  # type: ignore[attr-defined]
        member.log._backend._database.flush_wal(True)  # type: ignore[attr-defined]


def put_record(member: Member, index: int, record: bytes) -> None:
    """In place of what the log holds there."""
    if member.kind == "memory":
        member.disk.settle()
        member.disk.durable["records"][index] = member.disk.current["records"][index] = record
    elif member.kind == "file":
        path, offset, length = record_place(member.log, index)
        assert length == len(record)
        change_bytes(path, offset, record)
    else:
        member.log._backend._database.put(index.to_bytes(8, "big"), record)  # type: ignore[attr-defined]
