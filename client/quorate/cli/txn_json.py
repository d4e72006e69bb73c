"""A transaction as JSON: the body of `POST /v1/txn` (docs/api.md), base64 unless it says `"encoding": "text"`."""

from __future__ import annotations

import base64
import binascii
from typing import Literal

import msgspec

from quorate.cli.txn_words import BadTransaction
from quorate.operations import SORT_ORDERS, SORT_TARGETS, key_range
from quorate.wire.commands import Compare, CompareResult, CompareTarget, DeleteRange, Operation, Put, Range, Txn


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Compare(_Shape):
    key: str
    target: Literal["version", "create", "modify", "value", "lease"] = "version"
    result: Literal["equal", "greater", "less", "not_equal"] = "equal"
    number: int = 0
    value: str = ""
    range_end: str = ""


class _Put(_Shape):
    key: str
    value: str = ""
    lease: int = 0
    previous: bool = False
    ignore_value: bool = False
    ignore_lease: bool = False


class _Delete(_Shape):
    key: str
    range_end: str = ""
    prefix: bool = False
    previous: bool = False


class _Range(_Shape):
    key: str
    range_end: str = ""
    prefix: bool = False
    limit: int = 0
    revision: int = 0
    sort_order: Literal["none", "ascend", "descend"] = "none"
    sort_target: Literal["key", "version", "create", "modify", "value"] = "key"
    keys_only: bool = False
    count_only: bool = False
    min_mod_revision: int = 0
    max_mod_revision: int = 0
    min_create_revision: int = 0
    max_create_revision: int = 0


class _Operation(_Shape):
    put: _Put | None = None
    delete: _Delete | None = None
    range: _Range | None = None
    txn: _Txn | None = None


class _Txn(_Shape):
    compare: list[_Compare] = []
    success: list[_Operation] = []
    failure: list[_Operation] = []
    encoding: Literal["base64", "text"] = "base64"


_decode = msgspec.json.Decoder(_Txn, strict=False).decode


def parse_txn_json(text: str) -> Txn:
    """Raises `BadTransaction` naming the field."""
    try:
        body = _decode(text)
    except msgspec.MsgspecError as wrong:
        raise BadTransaction(f"the transaction's JSON: {wrong}") from wrong
    return _Reader(body.encoding == "text").txn(body)


class _Reader:
    def __init__(self, text: bool) -> None:
        self._text = text

    def data(self, value: str, name: str) -> bytes:
        if self._text:
            return value.encode()
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as wrong:
            raise BadTransaction(f'{name}: {value!r} is not base64 ({wrong}); or say "encoding": "text"') from wrong

    def bounds(self, key: str, range_end: str, prefix: bool) -> tuple[bytes, bytes]:
        try:
            return key_range(self.data(key, "key"), self.data(range_end, "range_end"), prefix=prefix)
        except ValueError as wrong:
            raise BadTransaction(str(wrong)) from wrong

    def txn(self, body: _Txn) -> Txn:
        return Txn(
            tuple(self.compare(each) for each in body.compare),
            tuple(self.operation(each) for each in body.success),
            tuple(self.operation(each) for each in body.failure),
        )

    def compare(self, body: _Compare) -> Compare:
        return Compare(
            self.data(body.key, "key"),
            CompareResult[body.result.upper()],
            CompareTarget[body.target.upper()],
            body.number,
            self.data(body.value, "value"),
            self.data(body.range_end, "range_end"),
        )

    def operation(self, body: _Operation) -> Operation:
        given = [name for name in ("put", "delete", "range", "txn") if getattr(body, name) is not None]
        if len(given) != 1:
            raise BadTransaction(f"an operation must have exactly one of put, delete, range, txn; it has {', '.join(given) or 'none'}")
        if body.put is not None:
            put = body.put
            value = self.data(put.value, "value")
            return Operation(put=Put(self.data(put.key, "key"), value, put.lease, put.previous, put.ignore_value, put.ignore_lease))
        if body.delete is not None:
            bounds = self.bounds(body.delete.key, body.delete.range_end, body.delete.prefix)
            return Operation(delete_range=DeleteRange(*bounds, body.delete.previous))
        if body.range is not None:
            return Operation(range=self.range(body.range))
        assert body.txn is not None
        return Operation(txn=self.txn(body.txn))

    def range(self, body: _Range) -> Range:
        return Range(
            *self.bounds(body.key, body.range_end, body.prefix),
            limit=body.limit,
            revision=body.revision,
            sort_order=SORT_ORDERS[body.sort_order],
            sort_target=SORT_TARGETS[body.sort_target],
            keys_only=body.keys_only,
            count_only=body.count_only,
            min_mod_revision=body.min_mod_revision,
            max_mod_revision=body.max_mod_revision,
            min_create_revision=body.min_create_revision,
            max_create_revision=body.max_create_revision,
        )
