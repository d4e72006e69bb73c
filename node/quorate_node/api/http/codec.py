"""JSON bodies to commands, and results to JSON bodies, for the hot routes. Pure functions; each costs about a microsecond.

A write is decoded to `(command, payload, text)`: the command ready for `ReplicaService.submit`, its payload as bytes for
`Machine.check`, and whether keys and values are text. All decoders raise `Problem`.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from quorate.wire.commands import Command, CommandKind, DeleteRange, Put, Range, SortOrder, SortTarget
from quorate_node.api.http.bodies import (
    DeleteBody,
    DeleteOperationBody,
    PutBody,
    PutOperationBody,
    RangeBody,
    RangeOperationBody,
    SessionBody,
)
from quorate_node.api.http.decoding import EncodedBodyDecoder, as_bytes
from quorate_node.api.http.duplicates import refuse_duplicates
from quorate_node.api.http.integers import int64
from quorate_node.api.http.keys import key_range
from quorate_node.api.http.principal import principal
from quorate_node.api.http.problem import Problem
from quorate_node.replica.service import Consistency

COMMAND_VERSION = 1
Write = tuple[Command, bytes, bool]

_pack = msgspec.msgpack.Encoder().encode
_put = EncodedBodyDecoder[PutBody[bytes] | PutBody[str]](PutBody[bytes], PutBody[str])
_delete = EncodedBodyDecoder[DeleteBody[bytes] | DeleteBody[str]](DeleteBody[bytes], DeleteBody[str])
_range = EncodedBodyDecoder[RangeBody[bytes] | RangeBody[str]](RangeBody[bytes], RangeBody[str])

CONSISTENCIES = {"linearizable": Consistency.LINEARIZABLE, "lease": Consistency.LEASE, "stale": Consistency.STALE}
SORT_ORDERS = {"none": SortOrder.NONE, "ascend": SortOrder.ASCEND, "descend": SortOrder.DESCEND}
SORT_TARGETS = {
    "key": SortTarget.KEY,
    "version": SortTarget.VERSION,
    "create": SortTarget.CREATE,
    "modify": SortTarget.MODIFY,
    "value": SortTarget.VALUE,
}
_PUT = int(CommandKind.PUT)
_DELETE_RANGE = int(CommandKind.DELETE_RANGE)


def command(kind: int, payload: bytes, session: SessionBody | None) -> Command:
    """A command around an encoded payload. Raises `Problem` for a session whose numbers are out of range."""
    if session is None:
        return Command(kind, COMMAND_VERSION, 0, 0, 0, principal(), 0, msgspec.Raw(payload))
    seq = int64(session.seq, "session.seq", 1)
    acked_below = int64(session.acked_below, "session.acked_below", 1)
    if acked_below > seq:
        raise Problem("InvalidArgument", f"field `session.acked_below`: {acked_below} is above `session.seq` {seq}; it may be at most that")
    return Command(kind, COMMAND_VERSION, int64(session.id, "session.id", 1), seq, acked_below, principal(), 0, msgspec.Raw(payload))


def decode_put(body: bytes) -> Write:
    """Body of `POST /v1/put`."""
    request, text = _put.decode(body)
    # Two members at most and two that are there: none is repeated. Else ask the thorough check.
    if request.value is UNSET or body.count(b":") != 2:
        refuse_duplicates(body, request)
    payload = _pack(put_operation(request))
    return command(_PUT, payload, request.session), payload, text


def put_operation(request: PutOperationBody[bytes] | PutOperationBody[str]) -> Put:
    key = as_bytes(request.key)
    if not key:
        raise Problem("EmptyKey", "field `key`: it is empty; a key has at least one byte")
    if request.value is UNSET:
        if not request.ignore_value:
            raise Problem("InvalidArgument", "field `value`: it is missing; send it, or \"ignore_value\": true to keep the key's value")
        value = b""
    else:
        if request.ignore_value:
            raise Problem("InvalidArgument", "fields `value` and `ignore_value`: both are set; leave `value` out to keep the key's value")
        value = as_bytes(request.value)
    lease = request.lease
    if lease != 0:
        if request.ignore_lease:
            raise Problem("InvalidArgument", "fields `lease` and `ignore_lease`: both are set; leave `lease` out to keep the key's lease")
        lease = int64(lease, "lease")
    return Put(key, value, lease, request.previous, request.ignore_value, request.ignore_lease)


def decode_delete(body: bytes) -> Write:
    """Body of `POST /v1/delete`."""
    request, text = _delete.decode(body)
    if body.count(b":") != 1:
        refuse_duplicates(body, request)
    payload = _pack(delete_operation(request))
    return command(_DELETE_RANGE, payload, request.session), payload, text


def delete_operation(request: DeleteOperationBody[bytes] | DeleteOperationBody[str]) -> DeleteRange:
    key, range_end = key_range(request.key, request.range_end, request.prefix)
    return DeleteRange(key, range_end, request.previous)


def decode_range(body: bytes) -> tuple[Range, int, int, bool]:
    """Body of `POST /v1/range`: (range, consistency, max staleness in ms (0: unbounded), text)."""
    request, text = _range.decode(body)
    if body.count(b":") != 1:
        refuse_duplicates(body, request)
    staleness_ms = request.max_staleness_ms
    if staleness_ms != 0:
        staleness_ms = int64(staleness_ms, "max_staleness_ms")
    return range_operation(request), CONSISTENCIES[request.consistency], staleness_ms, text


def range_operation(request: RangeOperationBody[bytes] | RangeOperationBody[str]) -> Range:
    key, range_end = key_range(request.key, request.range_end, request.prefix)
    return Range(
        key,
        range_end,
        0 if request.limit == 0 else int64(request.limit, "limit"),
        0 if request.revision == 0 else int64(request.revision, "revision"),
        SORT_ORDERS[request.sort_order],
        SORT_TARGETS[request.sort_target],
        request.keys_only,
        request.count_only,
        0 if request.min_mod_revision == 0 else int64(request.min_mod_revision, "min_mod_revision"),
        0 if request.max_mod_revision == 0 else int64(request.max_mod_revision, "max_mod_revision"),
        0 if request.min_create_revision == 0 else int64(request.min_create_revision, "min_create_revision"),
        0 if request.max_create_revision == 0 else int64(request.max_create_revision, "max_create_revision"),
    )
