"""What a query string may not be is said in its own words: the parameter, what it is, what it may be."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.api.http.problem import Problem
from quorate_node.api.http.queries import KeyQuery, LeaseQuery, MemberQuery, NoQuery, RestoreQuery, WatchQuery, parse_query


@pytest.mark.parametrize(
    ("query", "shape", "error", "message"),
    [
        (b"", RestoreQuery, "InvalidArgument", "query parameter `token` is missing: add it"),
        (b"x=1", RestoreQuery, "UnknownField", "query parameter `x` is unknown: this request takes `token`; remove it"),
        (b"x=1", NoQuery, "UnknownField", "query parameter `x` is unknown: this request takes none; remove it"),
        (b"keys=maybe", LeaseQuery, "InvalidArgument", "query parameter `keys` is 'maybe'; it must be one of true, false, 1, 0"),
        (b"prefix=true&encoding=x", WatchQuery, "InvalidArgument", "query parameter `encoding` is 'x'; it must be one of base64, text"),
        (
            b"consistency=strong",
            KeyQuery,
            "InvalidArgument",
            "query parameter `consistency` is 'strong'; it must be one of linearizable, lease, stale",
        ),
        (b"token=a&token=b", RestoreQuery, "InvalidArgument", "query parameter `token` is there twice: send it once"),
    ],
)
def test_each_mistake_is_named(query: bytes, shape: Any, error: str, message: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_query(query, shape)
    assert (refused.value.error, refused.value.message) == (error, message)


@pytest.mark.parametrize(
    ("query", "shape"),
    [(b"", KeyQuery), (b"keys=true&encoding=text", LeaseQuery), (b"keys=0", LeaseQuery), (b"expected_configuration_index=7", MemberQuery)],
)
def test_what_is_right_is_taken(query: bytes, shape: Any) -> None:
    assert isinstance(parse_query(query, shape), shape)
