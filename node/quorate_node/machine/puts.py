"""The fast lane: runs of plain puts (no session, lease, previous or ignore flag), by far the commonest command.

It does exactly what `Stage.write_key` does (a property test holds them equal), without its calls: every attribute is in a
local, and nothing is allocated that is not stored.
"""

from __future__ import annotations

from quorate.wire.commands import Put
from quorate.wire.results import PutResult, Result
from quorate_node.machine.application_port import Pending
from quorate_node.machine.events import EVENT
from quorate_node.machine.records import HEADER, INDEXED_EVERY, PUT, U64, escape
from quorate_node.machine.stage import Stage


def is_plain(put: Put) -> bool:
    return not (put.lease or put.previous or put.ignore_value or put.ignore_lease) and put.key != b""


def apply_puts(stage: Stage, puts: list[Put], results: list[Result | Pending]) -> None:
    """Put all; their keys were prefetched, and no range was read in this call yet (`Stage.has_sorted_keys`)."""
    assert not stage.has_sorted_keys, "once keys are sorted, puts go through write_key"
    pack_header, unpack_header, pack_event = HEADER.pack, HEADER.unpack_from, EVENT.pack
    pack_u64 = U64.pack
    writes = stage.batch.writes
    written, indexed, events = writes["current"], writes["history"], stage.events
    current, effects = stage.current, stage.effects
    changed, answered = stage.changes.append, results.append
    is_watched = stage.is_watched
    revision, created = stage.revision, 0
    for put in puts:
        key = put.key
        revision += 1
        old = current[key]
        if old is None:
            created += 1
            previous_mod = 0
            old = b""
            record = pack_header(revision, revision, 1, 0) + put.value
        else:
            create, previous_mod, version, lease = unpack_header(old)
            record = pack_header(create, revision, version + 1, 0) + put.value
            if version % INDEXED_EVERY == 0:
                indexed[escape(key) + pack_u64(previous_mod)] = pack_u64(revision)
            if lease:
                stage.detach(lease, key)
        current[key] = record
        head = pack_event(revision, 0, previous_mod, PUT, len(key), len(record), len(old)) + key
        written[key] = record
        events += (head, old)
        effects += (head, record)
        if is_watched:
            changed((revision, key, record, old or None))
        answered(PutResult(revision))
    stage.revision = revision
    stage.key_count += created
