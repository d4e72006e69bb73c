"""Commits hold proposals whole or by reference, in their order, and perhaps a path."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.commit_content import Commit, ProposalRef
from quorate_node.crypto.mls.errors import CodecError
from quorate_node.crypto.mls.labels import HpkeCiphertext
from quorate_node.crypto.mls.leaf_node import FromCommit
from quorate_node.crypto.mls.proposals import Remove
from quorate_node.crypto.mls.update_path import UpdatePath, UpdatePathNode
from tests.unit.crypto.mls.clients import Client


def test_wire_form_without_a_path() -> None:
    commit = Commit((ProposalRef(b"ref"), Remove(7)), None)
    encoded = bytes.fromhex("0c  02 03 726566  01 0003 00000007  00")
    assert encode(commit) == encoded
    assert decode(Commit, encoded) == commit


def test_a_path_can_be_read_again() -> None:
    node = UpdatePathNode(b"key", (HpkeCiphertext(b"output", b"ciphertext"), HpkeCiphertext(b"", b"")))
    commit = Commit((), UpdatePath(Client("alice").leaf(source=FromCommit(b"hash")), (node, UpdatePathNode(b"top", ()))))
    assert decode(Commit, encode(commit)) == commit


@pytest.mark.parametrize("kind", [0, 3])
def test_neither_proposal_nor_reference_is_refused(kind: int) -> None:
    with pytest.raises(CodecError, match=f"proposal_or_ref is {kind}"):
        decode(Commit, bytes((2, kind, 0, 0)))
