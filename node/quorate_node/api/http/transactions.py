"""Transactions: their JSON body to the command, checked to the last nested operation; nesting is bounded."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from quorate.wire.commands import CommandKind, Compare, CompareResult, CompareTarget, Operation, Txn
from quorate_node.api.http.bodies import CompareBody, OperationBody, TxnBody, TxnOperationBody
from quorate_node.api.http.codec import Write, command, delete_operation, put_operation, range_operation
from quorate_node.api.http.decoding import EncodedBodyDecoder, as_bytes
from quorate_node.api.http.duplicates import refuse_duplicates
from quorate_node.api.http.integers import int64
from quorate_node.api.http.problem import Problem

TXN_DEPTH_MAX = 16
"""Transactions within transactions. The machine has its own limit on operations, nested ones counted."""

_pack = msgspec.msgpack.Encoder().encode
_txn = EncodedBodyDecoder[TxnBody[bytes] | TxnBody[str]](TxnBody[bytes], TxnBody[str])
_TARGETS = {
    "version": CompareTarget.VERSION,
    "create": CompareTarget.CREATE,
    "modify": CompareTarget.MODIFY,
    "value": CompareTarget.VALUE,
    "lease": CompareTarget.LEASE,
}
_RESULTS = {
    "equal": CompareResult.EQUAL,
    "greater": CompareResult.GREATER,
    "less": CompareResult.LESS,
    "not_equal": CompareResult.NOT_EQUAL,
}


def decode_txn(body: bytes) -> Write:
    """Body of `POST /v1/txn`. Raises `Problem`."""
    request, text = _txn.decode(body)
    refuse_duplicates(body, request)
    payload = _pack(_transaction(request, 1))
    return command(int(CommandKind.TXN), payload, request.session), payload, text


def _transaction(request: TxnOperationBody[bytes] | TxnOperationBody[str], depth: int) -> Txn:
    if depth > TXN_DEPTH_MAX:
        raise Problem("TooManyOperations", f"field `txn`: nested more than {TXN_DEPTH_MAX} deep; flatten the transaction")
    return Txn(
        tuple(_compare(compare) for compare in request.compare),
        tuple(_operation(operation, depth) for operation in request.success),
        tuple(_operation(operation, depth) for operation in request.failure),
    )


def _compare(compare: CompareBody[bytes] | CompareBody[str]) -> Compare:
    key = as_bytes(compare.key)
    if not key:
        raise Problem("EmptyKey", "field `compare.key`: it is empty; a key has at least one byte")
    range_end = b"" if isinstance(compare.range_end, UnsetType) else as_bytes(compare.range_end)
    number, value = 0, b""
    if compare.target == "value":
        if isinstance(compare.value, UnsetType) or compare.number is not UNSET:
            raise Problem("InvalidArgument", 'field `compare.value`: target "value" compares with `value`, and with nothing else')
        value = as_bytes(compare.value)
    else:
        if isinstance(compare.number, UnsetType) or compare.value is not UNSET:
            message = f'field `compare.number`: target "{compare.target}" compares with `number`, and with nothing else'
            raise Problem("InvalidArgument", message)
        number = int64(compare.number, "compare.number")
    return Compare(key, _RESULTS[compare.result], _TARGETS[compare.target], number, value, range_end)


def _operation(operation: OperationBody[bytes] | OperationBody[str], depth: int) -> Operation:
    found = (operation.put, operation.delete, operation.range, operation.txn)
    if sum(part is not UNSET for part in found) != 1:
        message = "an operation of the transaction: set exactly one of `put`, `delete`, `range`, `txn`"
        raise Problem("InvalidArgument", message)
    if not isinstance(operation.put, UnsetType):
        return Operation(put=put_operation(operation.put))
    if not isinstance(operation.delete, UnsetType):
        return Operation(delete_range=delete_operation(operation.delete))
    if not isinstance(operation.range, UnsetType):
        return Operation(range=range_operation(operation.range))
    assert not isinstance(operation.txn, UnsetType)
    return Operation(txn=_transaction(operation.txn, depth + 1))
