"""Results to JSON bodies. Pure; each costs about a microsecond. `text` asks for UTF-8 text instead of base64."""

from __future__ import annotations

from typing import Any

import msgspec

from quorate.wire.results import DeleteRangeResult, KeyValue, PutResult, RangeResult, Result, TxnResult
from quorate_node.api.http.answers import (
    DeleteAnswer,
    KeyAnswer,
    KeyValueAnswer,
    OperationAnswer,
    PutAnswer,
    RangeAnswer,
    RevisionAnswer,
    TxnAnswer,
)
from quorate_node.api.http.problem import Problem

_encode = msgspec.json.Encoder().encode


def as_text(stored: bytes, what: str) -> str:
    """Stored bytes as text. Raises `Problem` InvalidArgument when they are not UTF-8."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        message = f'a stored {what} is not UTF-8 and cannot be sent as text: ask with "encoding": "base64"'
        raise Problem("InvalidArgument", message) from None


def key_value(kv: KeyValue, text: bool) -> KeyValueAnswer[Any]:
    key: bytes | str = kv.key
    value: bytes | str = kv.value
    if text:
        key, value = as_text(kv.key, "key"), as_text(kv.value, "value")
    return KeyValueAnswer(key, value, str(kv.create_revision), str(kv.mod_revision), str(kv.version), str(kv.lease))


def encode_put(result: PutResult, text: bool = False) -> bytes:
    return _encode(put_answer(result, text))


def put_answer(result: PutResult, text: bool) -> PutAnswer[Any]:
    previous = result.previous
    return PutAnswer(str(result.revision), None if previous is None else key_value(previous, text))


def encode_delete(result: DeleteRangeResult, text: bool = False) -> bytes:
    return _encode(delete_answer(result, text))


def delete_answer(result: DeleteRangeResult, text: bool) -> DeleteAnswer[Any]:
    return DeleteAnswer(str(result.revision), str(result.deleted), [key_value(kv, text) for kv in result.previous])


def encode_range(result: RangeResult, text: bool = False) -> bytes:
    return _encode(range_answer(result, text))


def range_answer(result: RangeResult, text: bool) -> RangeAnswer[Any]:
    kvs = [key_value(kv, text) for kv in result.kvs]
    return RangeAnswer(str(result.revision), kvs, str(result.count), result.more)


def encode_key(revision: int, kv: KeyValue, text: bool = False) -> bytes:
    """Body of `GET /v1/keys/{key}`."""
    return _encode(KeyAnswer(str(revision), key_value(kv, text)))


def encode_txn(result: TxnResult, text: bool = False) -> bytes:
    return _encode(txn_answer(result, text))


def txn_answer(result: TxnResult, text: bool) -> TxnAnswer[Any]:
    return TxnAnswer(str(result.revision), result.succeeded, [_operation_answer(part, text) for part in result.results])


def _operation_answer(result: Result, text: bool) -> OperationAnswer[Any]:
    if isinstance(result, PutResult):
        return OperationAnswer(put=put_answer(result, text))
    if isinstance(result, RangeResult):
        return OperationAnswer(range=range_answer(result, text))
    if isinstance(result, DeleteRangeResult):
        return OperationAnswer(delete=delete_answer(result, text))
    assert isinstance(result, TxnResult), f"a transaction's operation cannot give {type(result).__name__}"
    return OperationAnswer(txn=txn_answer(result, text))


def encode_revision(revision: int) -> bytes:
    return _encode(RevisionAnswer(str(revision)))


def encode_body(answer: msgspec.Struct) -> bytes:
    """Any answer struct."""
    return _encode(answer)
