"""The public tree: where members are put, what is blanked, and what may come over the wire (RFC 9420 sections 4.1, 7.7 and 7.8)."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls import ratchet_tree
from quorate_node.crypto.mls.codec import DEFAULT_LIMITS, Reader, encode
from quorate_node.crypto.mls.errors import CodecError, TreeError
from quorate_node.crypto.mls.leaf_node import FromUpdate
from quorate_node.crypto.mls.ratchet_tree import Node, ParentNode, RatchetTree
from tests.unit.crypto.mls.clients import SUITE, Client

LEAVES = [Client(f"client-{number}").leaf() for number in range(9)]
X, Y, Z = ParentNode(b"X"), ParentNode(b"Y"), ParentNode(b"Z")


def tree_of(*nodes: Node | None) -> RatchetTree:
    return RatchetTree(SUITE, nodes)


def read(data: bytes) -> RatchetTree:
    reader = Reader(data)
    tree = RatchetTree.read(reader, SUITE)
    reader.end()
    return tree


FULL = tree_of(LEAVES[0], X, LEAVES[1], Z, LEAVES[2], Y, LEAVES[3])


def test_members_and_parents_are_listed_in_order() -> None:
    tree = tree_of(LEAVES[0], X, None, None, LEAVES[2], None, None)
    assert [leaf for leaf, _ in tree.members()] == [0, 2]
    assert list(tree.parents()) == [(1, X)]
    assert tree.leaf_count == 4
    assert tree.member(2) is LEAVES[2]
    assert tree.leaf(1) is None
    assert tree.encryption_keys() == {LEAVES[0].encryption_key, LEAVES[2].encryption_key, b"X"}
    assert tree.encryption_key(1) == b"X"
    with pytest.raises(TreeError, match="leaf 1 is blank"):
        tree.member(1)
    for leaf in (-1, 4, 2**32 - 1):
        with pytest.raises(TreeError, match=f"leaf {leaf} is outside"):
            tree.leaf(leaf)


def test_resolutions_of_the_rfcs_example() -> None:
    """Section 4.1.1, figure 10: B and G's parents are blank, leaf C is unmerged at Y."""
    y = ParentNode(b"Y", unmerged_leaves=(2,))
    tree = tree_of(LEAVES[0], X, None, None, LEAVES[2], y, LEAVES[3], None, None, None, None, None, None, None, None)
    assert tree.resolution(5) == [5, 4]
    assert tree.resolution(2) == []
    assert tree.resolution(3) == [1, 5, 4]
    assert tree.resolution(7) == [1, 5, 4]
    assert tree.resolution(11) == []


def test_a_filtered_path_leaves_out_where_nobody_is() -> None:
    tree = tree_of(LEAVES[0], None, None, None, LEAVES[2], None, None)
    assert tree.filtered_path(0) == [(3, 5)]
    assert tree.filtered_path(3) == [(5, 4), (3, 1)]
    assert FULL.filtered_path(2) == [(5, 6), (3, 1)]
    assert RatchetTree.of_leaf(SUITE, LEAVES[0]).filtered_path(0) == []


def test_a_member_goes_to_the_leftmost_blank_leaf_and_is_unmerged_above() -> None:
    tree = tree_of(LEAVES[0], X, None, Z, LEAVES[2], ParentNode(b"Y", unmerged_leaves=(2,)), None)
    tree, leaf = tree.with_added(LEAVES[1])
    assert leaf == 1
    assert dict(tree.parents()) == {
        1: ParentNode(b"X", unmerged_leaves=(1,)),
        3: ParentNode(b"Z", unmerged_leaves=(1,)),
        5: ParentNode(b"Y", unmerged_leaves=(2,)),
    }
    tree, leaf = tree.with_added(LEAVES[3])
    assert leaf == 3
    assert [parent.unmerged_leaves for _, parent in tree.parents()] == [(1,), (1, 3), (2, 3)]


def test_unmerged_leaves_stay_in_order() -> None:
    tree, _ = tree_of(LEAVES[0], None, None, ParentNode(b"Z", unmerged_leaves=(3,)), None, None, LEAVES[3]).with_added(LEAVES[1])
    assert [parent.unmerged_leaves for _, parent in tree.parents()] == [(1, 3)]


def test_a_full_tree_doubles() -> None:
    tree, leaf = FULL.with_added(LEAVES[4])
    assert (leaf, tree.size, tree.root) == (4, 15, 7)
    assert tree.leaf(4) is LEAVES[4]
    assert all(tree.is_blank(node) for node in (7, 9, 11, 13))
    assert FULL.size == 7, "the tree before is left as it was"


def test_a_tree_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratchet_tree, "LEAVES_MAX", 4)
    with pytest.raises(TreeError, match="4 are the most"):
        FULL.with_added(LEAVES[4])
    with pytest.raises(CodecError, match="7 are the most"):
        read(encode(tree_of(*[LEAVES[number // 2] if number % 2 == 0 else None for number in range(15)])))


def test_the_largest_tree_can_be_sent() -> None:
    assert DEFAULT_LIMITS.items_max >= 2 * ratchet_tree.LEAVES_MAX - 1


def test_an_update_blanks_the_path_of_its_leaf() -> None:
    new = LEAVES[4].changed(source=FromUpdate())
    tree = FULL.with_updated(1, new)
    assert tree == tree_of(LEAVES[0], None, new, None, LEAVES[2], Y, LEAVES[3])
    with pytest.raises(TreeError, match="outside"):
        FULL.with_updated(4, new)


def test_a_removal_blanks_the_path_and_drops_the_empty_half() -> None:
    tree = FULL.with_removed(3)
    assert tree == tree_of(LEAVES[0], X, LEAVES[1], None, LEAVES[2], None, None)
    tree = tree.with_removed(2)
    assert tree == tree_of(LEAVES[0], X, LEAVES[1])
    tree = tree.with_removed(1)
    assert tree == tree_of(LEAVES[0])
    with pytest.raises(TreeError, match="outside"):
        tree.with_removed(1)


def test_several_empty_halves_are_dropped_at_once() -> None:
    tree = tree_of(LEAVES[0], *[None] * 13, LEAVES[7])
    assert tree.with_removed(7) == tree_of(LEAVES[0])
    assert tree.with_removed(0) == tree_of(*[None] * 14, LEAVES[7]), "only the right half is dropped"


def test_a_path_replaces_the_senders_leaf_and_blanks_the_rest_of_its_way() -> None:
    assert FULL.with_path(0, LEAVES[5], {3: Y}) == tree_of(LEAVES[5], None, LEAVES[1], Y, LEAVES[2], Y, LEAVES[3])


def test_trees_are_equal_by_suite_and_nodes() -> None:
    assert tree_of(*FULL._nodes) == FULL
    assert FULL.with_removed(3) != FULL
    assert LEAVES[0] != FULL


def test_the_wire_form_leaves_blank_ends_out() -> None:
    tree = tree_of(LEAVES[0], X, LEAVES[1], None, LEAVES[2], None, None)
    assert read(encode(tree)) == tree
    assert encode(tree_of(LEAVES[0], None, None)) == encode(tree_of(LEAVES[0]))


def vector(data: str) -> bytes:
    inner = bytes.fromhex(data)
    return bytes((len(inner),)) + inner


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x00", "0 nodes must end with one that is not blank"),
        (vector("00"), "1 nodes must end with one that is not blank"),
        (vector("01 02 00 00 00"), "node 0 of the ratchet tree is a parent"),
        (vector("01 03"), "node_type is 3"),
        (vector("01 00"), "node_type is 0"),
    ],
)
def test_what_is_no_tree_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        read(data)


def test_a_leaf_in_a_parents_place_is_refused() -> None:
    with pytest.raises(CodecError, match="node 1 of the ratchet tree is a leaf"):
        read(encode(tree_of(LEAVES[0], LEAVES[1], LEAVES[2])))
