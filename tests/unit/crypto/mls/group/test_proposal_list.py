"""Which proposals go together (section 12.2), and in which order they are applied (section 12.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.capabilities import RequiredCapabilities
from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.errors import InvalidProposal, MlsError, UnsupportedError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.proposal_list import Applied, apply_proposals, path_required
from quorate_node.crypto.mls.group.proposal_rules import SentProposal
from quorate_node.crypto.mls.leaf_node import FromUpdate
from quorate_node.crypto.mls.proposals import Add, ExternalInit, GroupContextExtensions, PreSharedKey, Proposal, ReInit, Remove, Update
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId
from tests.unit.crypto.mls.clients import CAPABILITIES
from tests.unit.crypto.mls.group.lives import Life, package_of

LIFE = Life.of(4)
GROUP = LIFE.founder.public
COMER = Add(package_of("comer").package)
OTHER = Add(package_of("other").package)
PSK = PreSharedKey(PreSharedKeyId(ExternalPsk(b"id"), bytes(32)))
PSK_AGAIN = PreSharedKey(PreSharedKeyId(ExternalPsk(b"id"), b"n" * 32))
REINIT = ReInit(b"next", 1)
CONTEXT = GroupContextExtensions((Extension(0xFF01, b"x"),))
INIT = ExternalInit(b"kem")
COMMITTER, JOINER = Sender.member(0), Sender(SenderType.NEW_MEMBER_COMMIT)


def update(leaf: int, **fields: object) -> Update:
    view = LIFE.views[f"member-{leaf}"]
    package = package_of(f"fresh key of {leaf}").package
    bare = view.own_leaf_node.changed(**{"source": FromUpdate(), "encryption_key": package.init_key, "signature": b"", **fields})
    return Update(bare.signed(view.suite, view.signer, b"group", leaf))


def listed(*proposals: Proposal | tuple[int, Proposal]) -> list[SentProposal]:
    """Proposals of the committer's by value, or (leaf, proposal) by reference."""
    return [
        SentProposal(item[1], Sender.member(item[0]), b"ref") if isinstance(item, tuple) else SentProposal(item, COMMITTER)
        for item in proposals
    ]


def apply(*proposals: Proposal | tuple[int, Proposal], committer: Sender = COMMITTER) -> Applied:
    return apply_proposals(GROUP, committer, listed(*proposals), None)


def test_nothing_changes_nothing() -> None:
    applied = apply()
    assert applied == Applied(GROUP.tree, GROUP.context.extensions, 0)


def test_leavers_make_room_for_comers_whatever_the_order_of_the_list() -> None:
    applied = apply(COMER, OTHER, Remove(2), (1, update(1)))
    assert [leaf for leaf, _ in applied.added] == [2, 4] == list(applied.new_leaves)
    assert applied.removed == ((2, GROUP.tree.member(2)),)
    assert applied.updated == (1,)
    assert applied.tree.member(2) == COMER.key_package.leaf_node


def test_who_leaves_may_come_again_in_the_same_commit() -> None:
    again = Add(package_of("member-3").package)
    assert apply(again, Remove(3)).new_leaves == (3,)


def test_psks_keep_their_order_and_a_key_may_be_used_twice_with_two_nonces() -> None:
    assert apply(PSK_AGAIN, COMER, PSK).psks == (PSK_AGAIN.psk, PSK.psk)


def test_new_extensions_hold_for_the_leaves_of_the_same_commit() -> None:
    assert apply(CONTEXT, COMER).extensions == CONTEXT.extensions
    bare = package_of("bare", extensions=()).package.leaf_node
    assert 0xFF01 in bare.capabilities.extensions
    package = package_of("unable").package
    unable = package.leaf_node.changed(capabilities=CAPABILITIES)
    own = package_of("unable")
    signed = replace(package, leaf_node=unable.signed(LIFE.suite, own.signer)).signed(LIFE.suite, own.signer)
    apply(Add(signed))
    with pytest.raises(UnsupportedError, match="extension 65281"):
        apply(CONTEXT, Add(signed))


def test_an_external_commit_takes_the_first_free_leaf() -> None:
    applied = apply_proposals(GROUP, JOINER, [SentProposal(item, JOINER) for item in (INIT, Remove(1), PSK)], None)
    assert (applied.committer, applied.external_init, applied.psks) == (1, INIT, (PSK.psk,))
    assert apply_proposals(GROUP, JOINER, [SentProposal(INIT, JOINER)], None).committer == 4


@pytest.mark.parametrize(
    ("proposals", "error", "why"),
    [
        ((Remove(0),), InvalidProposal, "leaf 0 commits a Remove of itself"),
        (((0, Remove(0)),), InvalidProposal, "leaf 0 commits a Remove of itself"),
        ((Remove(1), (2, Remove(1))), InvalidProposal, "leaf 1 is updated or removed twice"),
        ((Remove(1), (1, update(1))), InvalidProposal, "leaf 1 is updated or removed twice"),
        (((1, update(1)), (1, update(1))), InvalidProposal, "leaf 1 is updated or removed twice"),
        ((REINIT, COMER), InvalidProposal, "ReInit together with 1 other"),
        ((REINIT, REINIT), InvalidProposal, "ReInit together with 1 other"),
        ((CONTEXT, CONTEXT), InvalidProposal, "2 GroupContextExtensions"),
        ((PSK, COMER, PSK), InvalidProposal, "the same PreSharedKeyID"),
        ((INIT,), InvalidProposal, "belongs into an external commit"),
        ((GroupContextExtensions((Extension(0xFF09, b""),)),), UnsupportedError, "extension 65289"),
        (((1, update(1, capabilities=replace(CAPABILITIES, credentials=()))),), UnsupportedError, "credential 1"),
        (
            (GroupContextExtensions((Extension(ExtensionType.REQUIRED_CAPABILITIES, encode(RequiredCapabilities((), (99,), ()))),)),),
            UnsupportedError,
            "proposal 99",
        ),
    ],
)
def test_what_does_not_go_together(proposals: tuple[Proposal, ...], error: type[MlsError], why: str) -> None:
    with pytest.raises(error, match=why):
        apply(*proposals)


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ((), "0 ExternalInit: exactly one"),
        ((SentProposal(INIT, JOINER), SentProposal(INIT, JOINER)), "2 ExternalInit: exactly one"),
        ((SentProposal(INIT, JOINER), SentProposal(Remove(1), JOINER), SentProposal(Remove(2), JOINER)), "2 Remove: at most one"),
        ((SentProposal(INIT, JOINER), SentProposal(COMER, JOINER)), "with a Add$"),
        ((SentProposal(INIT, JOINER), SentProposal(Remove(1), COMMITTER, b"ref")), "with a Remove by reference"),
    ],
)
def test_an_external_commit_holds_few_things(items: tuple[SentProposal, ...], why: str) -> None:
    with pytest.raises(InvalidProposal, match=why):
        apply_proposals(GROUP, JOINER, items, None)


def test_an_external_init_is_refused_in_a_members_list_even_when_an_outsider_sent_it() -> None:
    with pytest.raises(InvalidProposal, match="in the commit of a member"):
        apply_proposals(GROUP, COMMITTER, [SentProposal(INIT, JOINER, b"ref")], None)


@pytest.mark.parametrize(
    ("proposals", "required"),
    [((), True), ((COMER,), False), ((COMER, PSK), False), ((REINIT,), False), ((COMER, Remove(1)), True), ((CONTEXT,), True)],
)
def test_a_path_is_required_unless_nothing_asks_for_it(proposals: tuple[Proposal, ...], required: bool) -> None:
    assert path_required(listed(*proposals)) is required
