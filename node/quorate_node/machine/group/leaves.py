"""Whether the change of leaves is that of the configuration: who comes is a member, and who goes is none."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from quorate.wire.commands import LeafKey
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.machine.group.refusal import GroupRefused, Reason


def bind_leaves(
    bound: Mapping[int, bytes], before: RatchetTree | None, after: RatchetTree, named: Sequence[LeafKey], members: Container[int]
) -> dict[int, bytes]:
    """The members' leaf keys after a change from `before` (None: a fresh group) to `after`. Raises `GroupRefused`.

    `bound`: those before it; `named`: the keys that the entry says come, with their members; `members`: ids in the configuration. A leaf of
    somebody who has left the configuration may stay: an external commit cannot remove it (RFC 9420, section 12.4.3.2).
    """
    bound = {member_id: key for member_id, key in bound.items() if member_id in members}
    old_keys = frozenset(leaf.signature_key for _, leaf in before.members()) if before is not None else frozenset()
    keys = [leaf.signature_key for _, leaf in after.members()]
    _check_named(named, [key for key in keys if key not in old_keys], members)
    result = bound | {one.member_id: one.signature_key for one in named}
    _check_one_owner(result)
    present = frozenset(keys)
    for one in named:
        if bound.get(one.member_id, one.signature_key) != one.signature_key and bound[one.member_id] in present:
            raise _refused(f"member {one.member_id} gets a second leaf: its first one must go with the same commit")
    for member_id, key in bound.items():
        if key in old_keys and result[member_id] not in present:
            raise _refused(f"the leaf of member {member_id} goes, and it is still in the configuration: remove the member first")
    return result


def _check_named(named: Sequence[LeafKey], comers: Sequence[bytes], members: Container[int]) -> None:
    keys = [one.signature_key for one in named]
    if len({one.member_id for one in named}) != len(named):
        raise _refused("leaf_keys names a member twice: name each once")
    if sorted(keys) != sorted(comers):
        raise _refused(
            f"leaf_keys names {len(keys)} keys, and {len(comers)} come that are not the same: name each key that comes, no other"
        )
    for one in named:
        if one.member_id not in members:
            raise _refused(f"member {one.member_id} gets a leaf and is not in the configuration: add it first")


def _check_one_owner(bound: Mapping[int, bytes]) -> None:
    owners: dict[bytes, int] = {}
    for member_id, key in sorted(bound.items()):
        other = owners.setdefault(key, member_id)
        if other != member_id:
            raise _refused(f"members {other} and {member_id} are given the same leaf key: each signs with a key of its own")


def _refused(message: str) -> GroupRefused:
    return GroupRefused(Reason.MEMBERS, message)
