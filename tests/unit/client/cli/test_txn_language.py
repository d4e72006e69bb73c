"""The transaction language: what is written can be read, and what cannot be read is told with its place."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.cli.txn_json import parse_txn_json
from quorate.cli.txn_language import NESTING_MAX, BadTransaction, format_txn, parse_txn
from quorate.cli.txn_words import quote, tokenize
from quorate.operations import Key, delete, get, put, txn
from quorate.wire.commands import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Operation,
    Put,
    Range,
    SortOrder,
    SortTarget,
    Txn,
)

keys = st.binary(min_size=1, max_size=8)
ends = st.binary(max_size=8)
numbers = st.integers(0, 2**63 - 1)
flags = st.booleans()
value_compares = st.builds(
    Compare, keys, st.sampled_from(CompareResult), st.just(CompareTarget.VALUE), st.just(0), st.binary(max_size=8), ends
)
number_compares = st.builds(
    Compare,
    keys,
    st.sampled_from(CompareResult),
    st.sampled_from([each for each in CompareTarget if each is not CompareTarget.VALUE]),
    numbers,
    st.just(b""),
    ends,
)
puts = st.builds(Put, keys, st.binary(max_size=8), numbers, flags, flags, flags)
sorts = (st.sampled_from(SortOrder), st.sampled_from(SortTarget))
ranges = st.builds(Range, keys, ends, numbers, numbers, *sorts, flags, flags, numbers, numbers, numbers, numbers)
simple = (
    st.builds(Operation, put=puts)
    | st.builds(Operation, delete_range=st.builds(DeleteRange, keys, ends, flags))
    | st.builds(Operation, range=ranges)
)


def transactions(operations: st.SearchStrategy[Operation]) -> st.SearchStrategy[Txn]:
    compares = st.lists(value_compares | number_compares, max_size=3).map(tuple)
    listed = st.lists(operations, max_size=3).map(tuple)
    return st.builds(Txn, compares, listed, listed)


nested = transactions(st.recursive(simple, lambda inner: st.builds(Operation, txn=transactions(inner)), max_leaves=4))


@given(nested)
def test_what_is_written_reads_as_the_same_transaction(transaction: Txn) -> None:
    assert parse_txn(format_txn(transaction)) == transaction


@given(st.binary())
def test_quoting_keeps_every_byte(data: bytes) -> None:
    token = tokenize(quote(data))[0]
    assert token.data == data


@given(st.text(alphabet='ifthenpugd "\\x=<>!{};#\n', max_size=60))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        refused = ""
        parse_txn(text)
    except BadTransaction as wrong:
        refused = str(wrong)
    assert refused == "" or re.match(r"line [0-9]+, column [0-9]+: .+", refused)


def test_as_people_write_it() -> None:
    text = """
    # take the job
    if
      version owner = 0; value "stock" > "0"
      create jobs/ prefix < 9
    then
      put owner me lease=8123 previous
      delete waiting/ prefix
      put owner ignore-value lease=5
    else
      get owner
      txn {
        if
          lease owner != 0
        then
          get a from-key limit=5 order=descend by=create keys-only
      }
    """
    with pytest.raises(BadTransaction, match="line 5, column 20: one of"):
        parse_txn(text)
    parsed = parse_txn(text.replace("jobs/ prefix < 9", "jobs/ < 9 prefix"))
    inner = txn([Key("owner").lease != 0], [get("a", b"\x00", limit=5, sort_order="descend", sort_target="create", keys_only=True)])
    assert parsed == Txn(
        (Key("owner").version == 0, Key("stock").value > "0", Key("jobs/", prefix=True).create_revision < 9),
        (put("owner", "me", lease=8123, previous=True), delete("waiting/", prefix=True), put("owner", ignore_value=True, lease=5)),
        (get("owner"), inner),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("put a b", "line 1, column 1: `if`, `then` or `else` expected before 'put'"),
        ("then\n  put a", "put: a value expected"),
        ("then\n  put a b c", "'c' is not known here"),
        ("then\n  put a b lease=x", "lease: a number"),
        ("then\n  put a b lease=9223372036854775808", "2\\^63-1"),
        ("then\n  get a prefix end=b", "contradicts"),
        ("then\n  fly a", "line 2, column 3: 'fly' is no operation"),
        ("then\n  get a order=up", "one of none, ascend, descend"),
        ("else\nthen", "`then` after `else`"),
        ("then\nthen", "`then` after `then`"),
        ("if\n  version a = b", "a number"),
        ("if\n  size a = 1", "'size' is no condition"),
        ("if\n  version a 1", "one of = != < > expected"),
        ('if\n  value "a', "line 2, column 9: a string that is not closed"),
        ('if\n  value "\\q" = 1', "no escape"),
        ("then\n  txn {", "has no `}`"),
        ("then\n  txn put", "`{` expected"),
        ("then\n  get a\n}", "without its"),
        ("if\n  version a = 1 get", "not known here"),
        ("then\n  get", "a key expected"),
        ("then\n  " + "txn {\nthen\n" * (NESTING_MAX + 1), "nest at most"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, complaint: str) -> None:
    with pytest.raises(BadTransaction, match=complaint):
        parse_txn(text)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_json_in_both_encodings() -> None:
    expected = Txn((Key("a").mod_revision == 7,), (put("b", "c"), delete("d", prefix=True)), (get("e", limit=2), txn((), [get("f")])))

    def body(encode: object) -> dict[str, object]:
        assert callable(encode)
        return {
            "compare": [{"key": encode("a"), "target": "modify", "result": "equal", "number": "7"}],
            "success": [{"put": {"key": encode("b"), "value": encode("c")}}, {"delete": {"key": encode("d"), "prefix": True}}],
            "failure": [{"range": {"key": encode("e"), "limit": 2}}, {"txn": {"success": [{"range": {"key": encode("f")}}]}}],
        }

    assert parse_txn_json(json.dumps(body(b64))) == expected
    assert parse_txn_json(json.dumps(body(str) | {"encoding": "text"})) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "truncated"),
        ('{"compares": []}', "compares"),
        ('{"success": [{}]}', "exactly one of"),
        ('{"success": [{"put": {"key": "YQ=="}, "range": {"key": "YQ=="}}]}', "put, range"),
        ('{"success": [{"put": {"key": "*"}}]}', "not base64"),
        ('{"compare": [{"key": "YQ==", "target": "size"}]}', "size"),
        ('{"success": [{"delete": {"key": "YQ==", "prefix": true, "range_end": "Yg=="}}]}', "range_end"),
    ],
)
def test_bad_json_is_told(text: str, complaint: str) -> None:
    with pytest.raises(BadTransaction, match=complaint):
        parse_txn_json(text)
