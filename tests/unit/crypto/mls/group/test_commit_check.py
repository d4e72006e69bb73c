"""What everybody checks of a commit, member or not: the same verdict for all, and nothing has changed when it is no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.commit_content import Commit, ProposalRef
from quorate_node.crypto.mls.errors import (
    BadSignature,
    EpochError,
    InvalidProposal,
    MissingProposal,
    MlsError,
    ParentHashMismatch,
    TreeError,
    ValidationError,
)
from quorate_node.crypto.mls.framing.authenticated import Auth, AuthenticatedContent
from quorate_node.crypto.mls.framing.content import Body, WireFormat
from quorate_node.crypto.mls.framing.message import MlsMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.framing.sender import Sender
from quorate_node.crypto.mls.group.commit_check import check_commit
from quorate_node.crypto.mls.group.commit_create import CommitOptions, create_commit
from quorate_node.crypto.mls.group.messages import propose
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.group_context import EPOCH_MAX
from quorate_node.crypto.mls.leaf_node import FromCommit, FromUpdate
from quorate_node.crypto.mls.proposals import Add, Remove
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.update_path import UpdatePath
from tests.unit.crypto.mls.group.lives import Life, package_of


def authenticated(message: object) -> AuthenticatedContent:
    assert isinstance(message, PublicMessage)
    return message.authenticated()


def resigned(group: Group, body: Body, tag: bytes | None = b"tag") -> AuthenticatedContent:
    """A commit that `group`'s member signed, whatever it holds."""
    genuine = authenticated(create_commit(group, [], bytes).message)
    content = replace(genuine.content, body=body)
    signed = AuthenticatedContent.sign(group.suite, group.signer, WireFormat.PUBLIC_MESSAGE, content, group.public.encoded_context)
    return replace(signed, auth=Auth(signed.auth.signature, tag))


def test_a_replica_that_is_no_member_follows_all_commits() -> None:
    """It has the public half alone, and finds the same context and tree in every epoch."""
    life = Life.of(3)
    public = life.founder.public
    for name, own in (("founder", [Add(package_of("late").package)]), ("member-1", [Remove(2)]), ("founder", [])):
        created = life.commit(name, *own)
        checked = check_commit(public, authenticated(created.message), {})
        public = checked.after
        assert public == life.founder.public
        assert checked.applied.new_leaves == ((3,) if own and isinstance(own[0], Add) else ())


def test_a_commit_of_another_epoch_or_without_a_signature_is_refused() -> None:
    life = Life.of(2)
    before = life.founder.public
    commit = authenticated(life.commit("founder").message)
    with pytest.raises(EpochError, match="late"):
        check_commit(life.founder.public, commit, {})
    for signature in (b"", bytes(64)):
        with pytest.raises(BadSignature):
            check_commit(before, replace(commit, auth=replace(commit.auth, signature=signature)), {})
    check_commit(before, commit, {})


def test_only_commits_with_a_tag_are_commits() -> None:
    life = Life.of(2)
    message, _ = propose(life.founder, Remove(1), life.entropy)
    with pytest.raises(ValidationError, match="no commit with a confirmation tag"):
        check_commit(life.founder.public, authenticated(message), {})
    with pytest.raises(ValidationError, match="no commit with a confirmation tag"):
        check_commit(life.founder.public, resigned(life.founder, Commit((), None), tag=None), {})


def test_proposals_are_named_once_and_known() -> None:
    life = Life.of(2)
    life.propose("member-1", *propose(life.views["member-1"], Add(package_of("late").package), life.entropy))
    (reference,) = life.founder.proposals
    commit = Commit((ProposalRef(reference), ProposalRef(reference)), None)
    with pytest.raises(InvalidProposal, match="twice"):
        check_commit(life.founder.public, resigned(life.founder, commit), life.founder.proposals)
    with pytest.raises(MissingProposal, match=f"refers to proposal {reference.hex()}, which is not known"):
        check_commit(life.founder.public, resigned(life.founder, commit), {})


def test_a_path_is_asked_for_where_it_is_needed() -> None:
    life = Life.of(2)
    with pytest.raises(InvalidProposal, match="has no path"):
        check_commit(life.founder.public, resigned(life.founder, Commit((), None)), {})


PathChange = Callable[[Group, UpdatePath], UpdatePath]


def leaf(group: Group, path: UpdatePath, **fields: object) -> UpdatePath:
    changed = path.leaf_node.changed(**fields)
    return replace(path, leaf_node=changed.signed(group.suite, group.signer, group.group_id, group.own_leaf))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda group, path: replace(path, nodes=path.nodes[:-1]), TreeError),
        (lambda group, path: replace(path, nodes=(path.nodes[0], path.nodes[0])), TreeError),
        (lambda group, path: leaf(group, path, source=FromCommit(bytes(32))), ParentHashMismatch),
        (lambda group, path: leaf(group, path, source=FromUpdate()), ValidationError),
        (lambda group, path: leaf(group, path, encryption_key=group.own_leaf_node.encryption_key), TreeError),
        (lambda group, path: leaf(group, path, signature_key=group.tree.member(1).signature_key), BadSignature),
        (lambda group, path: replace(path, leaf_node=path.leaf_node.changed(signature=b"")), BadSignature),
    ],
)
def test_a_path_must_fit_its_tree(change: PathChange, error: type[MlsError]) -> None:
    life = Life.of(3)
    genuine = authenticated(create_commit(life.founder, [], life.entropy).message).content.body
    assert isinstance(genuine, Commit) and genuine.path is not None
    commit = replace(genuine, path=change(life.founder, genuine.path))
    with pytest.raises(error):
        check_commit(life.founder.public, resigned(life.founder, commit), {})
    check_commit(life.founder.public, resigned(life.founder, genuine), {})


def test_a_comer_with_a_members_key_is_refused() -> None:
    life = Life.of(2)
    again = Commit((Add(package_of("member-1").package),), None)
    with pytest.raises(TreeError, match="the same encryption key"):
        check_commit(life.founder.public, resigned(life.founder, again), {})


def test_a_sender_must_be_a_member() -> None:
    life = Life.of(2)
    genuine = authenticated(create_commit(life.founder, [], life.entropy).message)
    with pytest.raises(TreeError):
        check_commit(life.founder.public, replace(genuine, content=replace(genuine.content, sender=Sender.member(5))), {})


def test_epochs_end() -> None:
    life = Life.of(1)
    public = replace(life.founder.public, context=replace(life.founder.context, epoch=EPOCH_MAX))
    with pytest.raises(ValidationError, match="the last one that can be counted"):
        create_commit(replace(life.founder, public=public), [], life.entropy)


def test_no_byte_of_a_commit_may_change() -> None:
    """Every byte is under the signature, the confirmation tag or the membership tag: the first two are looked at here."""
    life = Life.of(3)
    created = create_commit(life.founder, [Add(package_of("late").package)], life.entropy, options=CommitOptions())
    data = encode(MlsMessage(created.message))
    wanted = check_commit(life.founder.public, authenticated(created.message), {})
    assert isinstance(wanted.after.tree, RatchetTree)
    covered = len(data) - 2 * 33
    for at in range(0, covered, 7):
        with pytest.raises(MlsError):
            message = decode(MlsMessage, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]).message
            check_commit(life.founder.public, authenticated(message), {})
            raise AssertionError(f"byte {at}")
