"""Both ends of a connection see one context, and name each other by it."""

from __future__ import annotations

from quorate_node.crypto.epochs.connection import Connection


def test_both_ends_have_the_same_context() -> None:
    dialler = Connection(5, 1, 2, b"d" * 32, b"a" * 32, dialled=True)
    acceptor = Connection(9, 2, 1, b"a" * 32, b"d" * 32, dialled=False)
    assert dialler.context == acceptor.context
    assert Connection(5, 1, 2, b"d" * 32, b"a" * 32, dialled=False).context != dialler.context


def test_it_says_which_it_is() -> None:
    connection = Connection(5, 1, 2, b"d" * 32, b"a" * 32, dialled=True)
    assert repr(connection) == "Connection(5, peer 2, open)"
    connection.open = False
    assert repr(connection) == "Connection(5, peer 2, closed)"
