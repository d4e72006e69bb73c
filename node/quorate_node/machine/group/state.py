"""What is replicated of the key group: kept under one key of `meta`, so in the state hash and in snapshots; decoded once, not an entry.

Of GroupInfo and tree everything else follows: the GroupContext stands in the one, and with its confirmation tag (which is held against the
commit's) the interim transcript hash is computed.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import msgspec

from quorate.wire.commands import LeafKey
from quorate_node.crypto.mls.codec import Reader, decode, encode
from quorate_node.crypto.mls.errors import MlsError
from quorate_node.crypto.mls.group.public_group import PublicGroup
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.suites import Suite, suite_of
from quorate_node.crypto.mls.transcript import interim_transcript_hash
from quorate_node.crypto.mls.tree_hash import tree_hash
from quorate_node.store.errors import Damaged, FormatTooNew

GROUP_KEY = b"group"
"""Key of `meta`; not there while there is no group."""
GROUP_FORMAT = 1


class GroupRecord(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """`group_info` and `tree` as RFC 9420 encodes them. A field may be appended, never moved."""

    format: int
    index: int
    group_info: bytes
    tree: bytes
    leaf_keys: tuple[LeafKey, ...]
    """In the order of the member ids."""
    past_groups: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ReplicatedGroup:
    """The current epoch. `index`: of the entry that made it; `leaf_keys`: signature key by member id; `past_groups`: ids, newest last."""

    index: int
    public: PublicGroup
    group_info: GroupInfo
    leaf_keys: Mapping[int, bytes]
    past_groups: tuple[bytes, ...] = ()

    def leaves(self, members: Container[int]) -> dict[int, int]:
        """Member id of each leaf number. `members`: ids in the configuration; a leaf of somebody who has left it is nobody's."""
        owners = {key: member_id for member_id, key in self.leaf_keys.items() if member_id in members}
        found = ((leaf, owners.get(node.signature_key)) for leaf, node in self.public.tree.members())
        return {leaf: member_id for leaf, member_id in found if member_id is not None}


_decode = msgspec.msgpack.Decoder(GroupRecord).decode
_encode = msgspec.msgpack.Encoder().encode


def encode_group(group: ReplicatedGroup) -> bytes:
    """Equal on all members."""
    leaf_keys = tuple(LeafKey(member_id, key) for member_id, key in sorted(group.leaf_keys.items()))
    tree = encode(group.public.tree)
    return _encode(GroupRecord(GROUP_FORMAT, group.index, encode(group.group_info), tree, leaf_keys, group.past_groups))


def decode_group(value: bytes) -> ReplicatedGroup:
    """Raises `Damaged` for a record that `encode_group` has not made, `FormatTooNew`."""
    try:
        record = _decode(value)
        if record.format > GROUP_FORMAT:
            raise FormatTooNew(f"the key group's format is {record.format} and this release reads {GROUP_FORMAT}: run the newer release")
        group_info = decode(GroupInfo, record.group_info)
        context = group_info.group_context
        suite = suite_of(context.cipher_suite)
        tree = decode_tree(record.tree, suite)
    except (msgspec.MsgspecError, MlsError) as error:
        raise Damaged(f"the record of the key group cannot be read: {error}") from error
    if tree_hash(tree) != context.tree_hash:
        raise Damaged(f"the tree of the key group is not that of its epoch {context.epoch}: its hash is another one")
    interim = interim_transcript_hash(suite, context.confirmed_transcript_hash, group_info.confirmation_tag)
    public = PublicGroup(suite, context, tree, interim)
    leaf_keys = {one.member_id: one.signature_key for one in record.leaf_keys}
    return ReplicatedGroup(record.index, public, group_info, leaf_keys, record.past_groups)


def decode_tree(data: bytes, suite: Suite) -> RatchetTree:
    """The `ratchet_tree` structure. Raises `CodecError`, `UnsupportedError`."""
    reader = Reader(data)
    tree = RatchetTree.read(reader, suite)
    reader.end()
    return tree
