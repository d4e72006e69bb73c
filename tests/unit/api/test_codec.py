"""JSON bodies to commands and results to JSON bodies: exact in both directions, quick, and equal to what the documentation says."""

from __future__ import annotations

import base64
import json
import timeit
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.commands import Command, CompareResult, CompareTarget, DeleteRange, Put, Range, SortOrder, SortTarget, Txn
from quorate.wire.results import DeleteRangeResult, KeyValue, PutResult, RangeResult, TxnResult
from quorate_node.api.http.codec import decode_delete, decode_put, decode_range
from quorate_node.api.http.duplicates import refuse_duplicates
from quorate_node.api.http.encoding import encode_delete, encode_key, encode_put, encode_range, encode_txn
from quorate_node.api.http.integers import INT64_MAX, INT64_MIN, int64
from quorate_node.api.http.keys import key_range, prefix_end
from quorate_node.api.http.problem import Problem, error_body
from quorate_node.api.http.transactions import TXN_DEPTH_MAX, decode_txn

KV = KeyValue(b"k", b"v", 2, 3, 4, 5)
int64s = st.integers(0, INT64_MAX)
keys = st.binary(min_size=1, max_size=40)


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def refused(decode: Any, data: bytes) -> str:
    with pytest.raises(Problem) as caught:
        decode(data)
    assert caught.value.message
    return caught.value.error


@given(keys, st.binary(max_size=100), int64s, st.booleans(), st.booleans())
def test_a_put_comes_out_as_it_was_sent(key: bytes, value: bytes, lease: int, previous: bool, as_string: bool) -> None:
    sent = body(key=b64(key), value=b64(value), lease=str(lease) if as_string else lease, previous=previous)
    command, payload, text = decode_put(sent)
    assert msgspec.msgpack.decode(payload, type=Put) == Put(key, value, lease, previous)
    assert (command.kind, command.session, command.seq, command.acked_below, command.principal, text) == (1, 0, 0, 0, "", False)
    assert bytes(msgspec.msgpack.decode(msgspec.msgpack.encode(command), type=Command).payload) == payload


@given(st.text(min_size=1, max_size=30), st.text(max_size=50))
def test_text_is_utf_8(key: str, value: str) -> None:
    data = msgspec.json.encode({"key": key, "value": value, "encoding": "text"})
    for each in (data, json.dumps(msgspec.json.decode(data)).encode()):
        _, payload, text = decode_put(each)
        put = msgspec.msgpack.decode(payload, type=Put)
        assert (put.key, put.value, text) == (key.encode(), value.encode(), True)
    kv = KeyValue(key.encode(), value.encode(), 1, 1, 1)
    shown = json.loads(encode_key(9, kv, text=True))["kv"]
    assert (shown["key"], shown["value"]) == (key, value)


def test_flags_that_contradict_are_refused() -> None:
    assert refused(decode_put, body(key="YQ==", value="", ignore_value=True)) == "InvalidArgument"
    assert refused(decode_put, body(key="YQ==", value="", lease=1, ignore_lease=True)) == "InvalidArgument"
    _, payload, _ = decode_put(body(key="YQ==", ignore_value=True, ignore_lease=True))
    assert msgspec.msgpack.decode(payload, type=Put) == Put(b"a", b"", 0, False, True, True)


def test_a_session_goes_into_the_command() -> None:
    command, _, _ = decode_put(body(key="YQ==", value="", session={"id": "5", "seq": 9, "acked_below": "3"}))
    assert (command.session, command.seq, command.acked_below) == (5, 9, 3)


def test_every_field_of_a_range() -> None:
    sent = body(
        key="YQ==", range_end="Yg==", limit="7", revision=8, sort_order="descend", sort_target="modify", keys_only=True, count_only=False,
        min_mod_revision="1", max_mod_revision="2", min_create_revision="3", max_create_revision="4", consistency="stale",
        max_staleness_ms="50",
    )
    request, consistency, staleness_ms, text = decode_range(sent)
    assert request == Range(b"a", b"b", 7, 8, SortOrder.DESCEND, SortTarget.MODIFY, True, False, 1, 2, 3, 4)
    assert (consistency, staleness_ms, text) == (2, 50, False)
    assert decode_range(body(key="YQ==")) == (Range(b"a"), 0, 0, False)


def test_prefixes_become_ranges() -> None:
    assert decode_range(body(key="a\u00ff", prefix=True, encoding="text"))[0].range_end == b"a\xc3\xc0"
    assert decode_range(body(key="", prefix=True))[0] == Range(b"\x00", b"\x00")
    _, payload, _ = decode_delete(body(key=b64(b"a\xff\xff"), prefix=True))
    assert msgspec.msgpack.decode(payload, type=DeleteRange) == DeleteRange(b"a\xff\xff", b"b")
    assert refused(decode_range, body(key="YQ==", range_end="Yg==", prefix=True)) == "InvalidArgument"
    assert refused(decode_range, body(key="")) == "EmptyKey"


@given(st.binary(max_size=6), st.binary(max_size=8))
def test_a_prefix_range_holds_exactly_the_keys_that_begin_with_it(prefix: bytes, key: bytes) -> None:
    end = prefix_end(prefix)
    within = prefix <= key and (end == b"\x00" or key < end)
    assert within == key.startswith(prefix)
    assert key_range(prefix or b"x", b"", False) == (prefix or b"x", b"")


def test_a_transaction_with_all_its_parts() -> None:
    sent = {
        "compare": [{"key": "YQ==", "target": "value", "result": "not_equal", "value": "MQ==", "range_end": "Yg=="},
                    {"key": "YQ==", "target": "lease", "result": "less", "number": "5"}],
        "success": [{"put": {"key": "YQ==", "value": "MQ=="}}, {"delete": {"key": "YQ=="}}, {"range": {"key": "YQ=="}}, {"txn": {}}],
    }
    _, payload, _ = decode_txn(json.dumps(sent).encode())
    txn = msgspec.msgpack.decode(payload, type=Txn)
    first, second = txn.compare
    assert (first.result, first.target, first.value, first.range_end) == (CompareResult.NOT_EQUAL, CompareTarget.VALUE, b"1", b"b")
    assert (second.result, second.target, second.number) == (CompareResult.LESS, CompareTarget.LEASE, 5)
    put, delete, range_, nested = txn.success
    assert (put.put, delete.delete_range, range_.range, nested.txn) == (Put(b"a", b"1"), DeleteRange(b"a"), Range(b"a"), Txn())


@pytest.mark.parametrize(
    "txn",
    [
        {"compare": [{"key": "YQ=="}]},
        {"compare": [{"key": "YQ==", "number": 1, "value": "MQ=="}]},
        {"compare": [{"key": "YQ==", "target": "value", "number": 1}]},
        {"compare": [{"key": "YQ==", "target": "bogus", "number": 1}]},
        {"compare": [{"key": "YQ==", "result": 9, "number": 1}]},
        {"success": [{}]},
        {"success": [{"put": {"key": "YQ==", "value": ""}, "delete": {"key": "YQ=="}}]},
        {"success": [{"put": None}]},
        {"success": [None]},
        {"success": {}},
    ],
)
def test_a_malformed_transaction_is_refused(txn: Any) -> None:
    assert refused(decode_txn, json.dumps(txn).encode()) == "InvalidArgument"


def test_nesting_is_bounded() -> None:
    def nested(depth: int) -> bytes:
        return b'{"success":[{"txn":' * (depth - 1) + b"{}" + b"}]}" * (depth - 1)

    decode_txn(nested(TXN_DEPTH_MAX))
    assert refused(decode_txn, nested(TXN_DEPTH_MAX + 1)) == "TooManyOperations"
    assert refused(decode_txn, nested(2000)) in ("TooManyOperations", "MalformedBody")
    assert refused(decode_txn, nested(100_000)) == "MalformedBody"


def test_results_show_zero_and_false() -> None:
    kv = {"key": "aw==", "value": "dg==", "create_revision": "2", "mod_revision": "3", "version": "4", "lease": "5"}
    assert json.loads(encode_put(PutResult(7))) == {"revision": "7", "previous": None}
    assert json.loads(encode_put(PutResult(7, KV))) == {"revision": "7", "previous": kv}
    assert json.loads(encode_delete(DeleteRangeResult(7, 0))) == {"revision": "7", "deleted": "0", "previous": []}
    assert json.loads(encode_range(RangeResult(7, [KV], 9, True))) == {"revision": "7", "kvs": [kv], "count": "9", "more": True}
    assert json.loads(encode_range(RangeResult(7, [], 0))) == {"revision": "7", "kvs": [], "count": "0", "more": False}
    assert json.loads(encode_txn(TxnResult(7, False))) == {"revision": "7", "succeeded": False, "results": []}
    with pytest.raises(Problem, match="base64"):
        encode_range(RangeResult(7, [KeyValue(b"k", b"\xff", 1, 1, 1)], 1), text=True)


@given(st.integers(INT64_MIN - 10, INT64_MAX + 10) | st.text(max_size=22))
def test_integers_are_taken_exactly(value: int | str) -> None:
    try:
        wanted = int(value) if not isinstance(value, str) or (value.isascii() and value.removeprefix("-").isdigit()) else None
    except ValueError:
        wanted = None
    if wanted is not None and INT64_MIN <= wanted <= INT64_MAX and len(str(value)) <= 20:
        assert int64(value, "n", INT64_MIN, INT64_MAX) == wanted
    else:
        with pytest.raises(Problem, match="field `n`"):
            int64(value, "n", INT64_MIN, INT64_MAX)


names = st.sampled_from(["key", "value", "lease", "previous"])


@given(st.lists(names, min_size=1, max_size=6), st.booleans(), st.booleans())
def test_a_repeated_field_is_always_found(fields: list[str], escaped: bool, spaced: bool) -> None:
    values = {"key": '"a:b"', "value": '"x:y:"', "lease": "0", "previous": "false"}

    def name(field: str) -> str:
        return f'"\\u00{ord(field[0]):02x}{field[1:]}"' if escaped else f'"{field}"'

    colon = " : " if spaced else ":"
    members = [name(field) + colon + values[field] for field in ["key", *fields]]
    data = ("{" + ",".join(members) + ',"encoding":"text"}').encode()
    repeated = len(set(fields) | {"key"}) != len(fields) + 1
    try:
        decode_put(data)
        message = ""
    except Problem as problem:
        message = problem.message
    assert ("twice" in message) == repeated
    assert repeated or ("`value`" in message) == ("value" not in fields)


def test_the_check_for_repeated_fields_looks_into_nested_objects() -> None:
    class Shape(msgspec.Struct, omit_defaults=True):
        a: dict[str, int]

    for data, twice in ((b'{"a":{"b":1,"b":2}}', True), (b'{"a":{"b":1,"c":2}}', False), (b'{"a":{"b":1,"\\u0062":2}}', True)):
        decoded = msgspec.json.decode(data, type=Shape)
        if twice:
            with pytest.raises(Problem, match="`b`"):
                refuse_duplicates(data, decoded)
        else:
            refuse_duplicates(data, decoded)


def test_errors_have_one_shape() -> None:
    status, data = error_body("NotLeader", "ask it", (7, "http://l"), "id-1")
    assert status == 421
    assert json.loads(data) == {
        "error": "NotLeader", "code": 14, "message": "ask it", "leader": {"member_id": "7", "client_url": "http://l"}, "request_id": "id-1",
    }
    status, data = error_body("Bogus", "text", (0, ""), "id-2")
    assert (status, json.loads(data)["error"], json.loads(data)["leader"]) == (500, "Internal", None)
    assert "Bogus" in json.loads(data)["message"]
    long = json.loads(error_body("InvalidArgument", "x" * 10_000, (0, ""), "id-3")[1])["message"]
    assert (len(long), long[-3:]) == (500, "...")


def test_the_hot_path_is_quick_enough() -> None:
    """Bounds are ten times what an idle machine needs: this finds a slip of an order of magnitude, not a slow neighbour."""
    put = body(key=b64(b"k" * 16), value=b64(b"v" * 256))
    result, kv = PutResult(123456), KeyValue(b"k" * 16, b"v" * 256, 1, 2, 3)
    for function, microseconds in ((lambda: decode_put(put), 20), (lambda: encode_put(result), 5), (lambda: encode_key(1, kv), 10)):
        assert min(timeit.repeat(function, number=1000, repeat=5)) * 1000 < microseconds
