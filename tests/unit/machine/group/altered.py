"""Entries that somebody has tampered with, or that come at the wrong time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from quorate.wire.commands import GroupCommit
from quorate_node.crypto.mls.codec import decode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.framing.authenticated import AuthenticatedContent
from quorate_node.crypto.mls.framing.content import WireFormat
from quorate_node.crypto.mls.framing.message import MlsMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group.commit_create import CommitOptions
from quorate_node.crypto.mls.group.messages import SendOptions, propose_update
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.proposals import ReInit
from tests.unit.crypto.mls.clients import SUITE
from tests.unit.machine.group.harness import Cluster, as_bytes, changed


def with_info(request: Any, change: Callable[[GroupInfo], GroupInfo], cluster: Cluster | None = None, by: int = 1) -> Any:
    """The same with another GroupInfo; signed again with the key of `by` where a cluster is given."""
    info = decode(MlsMessage, request.group_info).message
    assert isinstance(info, GroupInfo)
    info = change(info)
    if cluster is not None:
        info = info.signed(SUITE, cluster.signer(by))
    return changed(request, group_info=as_bytes(info))


def without(kind: ExtensionType) -> Callable[[GroupInfo], GroupInfo]:
    return lambda info: replace(info, extensions=tuple(one for one in info.extensions if one.extension_type != kind))


def with_extension(kind: ExtensionType, data: bytes) -> Callable[[GroupInfo], GroupInfo]:
    return lambda info: replace(without(kind)(info), extensions=(*without(kind)(info).extensions, Extension(kind, data)))


def flipped(data: bytes, at: int = -1) -> bytes:
    mutable = bytearray(data)
    mutable[at] ^= 1
    return bytes(mutable)


def public_message(data: bytes) -> PublicMessage:
    message = decode(MlsMessage, data).message
    assert isinstance(message, PublicMessage)
    return message


def with_auth(request: GroupCommit, **fields: Any) -> GroupCommit:
    message = public_message(request.commit)
    return changed(request, commit=as_bytes(replace(message, auth=replace(message.auth, **fields))))


def an_update(cluster: Cluster, member_id: int, *, private: bool = False) -> bytes:
    message, _ = propose_update(cluster.views[member_id], cluster.entropy, options=SendOptions(private=private))
    return as_bytes(message)


def a_later_epoch(cluster: Cluster) -> GroupCommit:
    made = cluster.commit(1)
    cluster.views[1] = cluster.pending[made.group_info][1]
    return cluster.commit(1)


def an_early_one(cluster: Cluster) -> GroupCommit:
    made = cluster.commit(1)
    cluster.one(cluster.commit(2))
    return made


def of_the_group_before(cluster: Cluster) -> GroupCommit:
    made = cluster.commit(1)
    cluster.one(cluster.create(1, 2, 3))
    return made


def damaged_path(cluster: Cluster) -> GroupCommit:
    """A path with another public key than the one its leaf vouches for, signed by the committer."""
    made = cluster.commit(1)
    message, view = public_message(made.commit), cluster.views[1]
    body, tag = message.content.body, message.auth.confirmation_tag
    assert isinstance(body, Commit)
    assert body.path is not None
    assert tag is not None
    node = replace(body.path.nodes[0], encryption_key=SUITE.derive_key_pair(bytes(32)).public)
    path = replace(body.path, nodes=(node, *body.path.nodes[1:]))
    content = replace(message.content, body=replace(body, path=path))
    context = view.public.encoded_context
    signed = AuthenticatedContent.sign(SUITE, cluster.signer(1), WireFormat.PUBLIC_MESSAGE, content, context)
    protected = PublicMessage.protect(SUITE, signed.confirmed(tag), view.secrets.membership_key.buffer(), context)
    return changed(made, commit=as_bytes(protected))


def second_leaf(cluster: Cluster) -> GroupCommit:
    """Member 2 comes by itself with another key, and leaves its old leaf where it is."""
    cluster.new_signer(2)
    return cluster.rejoin(2)


def another_member_s_key(cluster: Cluster) -> GroupCommit:
    """Member 3 has no leaf and keeps its key: nobody else may come with it."""
    leaf = cluster.leaf(3)
    cluster.configure(removed=(3,))
    cluster.one(cluster.commit(1, remove=(leaf,)))
    cluster.one(cluster.create(1, 2))
    cluster.configure(put=(3, 5))
    cluster.one(cluster.commit(1, add=(3,)))
    cluster.one(cluster.create(1, 2))
    cluster.signers[5] = cluster.signer(3)
    return cluster.commit(1, add=(5,))


def lost_update(cluster: Cluster) -> GroupCommit:
    made = cluster.commit(1, updates=(2, 3))
    return changed(made, proposals=(made.proposals[0], made.proposals[0]))


def without_path(cluster: Cluster) -> GroupCommit:
    return cluster.commit(1, add=(4,), options=CommitOptions(force_path=False, tree_in_welcome=False))


def reinit(cluster: Cluster) -> GroupCommit:
    return cluster.commit(1, own=[ReInit(b"next", SUITE.number)])


def private_commit(cluster: Cluster) -> GroupCommit:
    return cluster.commit(1, options=CommitOptions(send=SendOptions(private=True)))


def forged_proposal(cluster: Cluster) -> GroupCommit:
    made = cluster.commit(1, updates=(2,))
    message = public_message(made.proposals[0])
    forged = replace(message, auth=replace(message.auth, signature=flipped(message.auth.signature)))
    return changed(made, proposals=(as_bytes(forged),))


def old_update(cluster: Cluster) -> bytes:
    """An Update of the epoch that a commit then ends."""
    update = an_update(cluster, 2)
    cluster.one(cluster.commit(3))
    return update


def late_proposal(cluster: Cluster) -> GroupCommit:
    update = old_update(cluster)
    return changed(cluster.commit(1, updates=(2,)), proposals=(update,))


def late_inside(cluster: Cluster) -> GroupCommit:
    """It says that it ends the current epoch, and the commit in it ends the one before."""
    return changed(an_early_one(cluster), epoch=2)


def swapped(cluster: Cluster) -> GroupCommit:
    made = cluster.commit(1, updates=(2,))
    return changed(made, proposals=(made.commit,))


def with_trailing_byte(request: GroupCommit) -> GroupCommit:
    return changed(request, commit=request.commit + b"0")
