"""What a member commits of the proposals that wait: nobody's proposals keep the others from going on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.credential import X509Credential
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.proposal_choice import choose_proposals
from quorate_node.crypto.mls.group.proposal_rules import SentProposal
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.leaf_node import FromUpdate
from quorate_node.crypto.mls.proposals import Add, ExternalInit, GroupContextExtensions, PreSharedKey, Proposal, ReInit, Remove, Update
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId
from tests.unit.crypto.mls.group.lives import Life, package_of

LIFE = Life.of(4)
GROUP = LIFE.founder
COMER = Add(package_of("comer").package)
PSK = PreSharedKey(PreSharedKeyId(ExternalPsk(b"id"), bytes(32)))
CONTEXT = GroupContextExtensions((Extension(0xFF01, b"x"),))
LATER = GroupContextExtensions(())
REINIT = ReInit(b"next", 1)


def update(leaf: int, seed: str, **fields: object) -> Update:
    key = package_of(seed).package.init_key
    return Update(GROUP.tree.member(leaf).changed(**{"source": FromUpdate(), "encryption_key": key, **fields}))


def waiting(*items: tuple[int, Proposal]) -> Group:
    """The founder's group in which (sender, proposal) wait, named by their place."""
    group = GROUP
    for place, (sender, proposal) in enumerate(items):
        group = group.waiting(SentProposal(proposal, Sender.member(sender), bytes([place])))
    return group


def chosen(*items: tuple[int, Proposal], own: tuple[Proposal, ...] = ()) -> list[int]:
    """The places of those that are committed, in order."""
    return [sent.reference[0] for sent in choose_proposals(waiting(*items), own) if sent.reference]


def comer(seed: str, **fields: object) -> Add:
    package = package_of(seed).package
    return Add(replace(package, leaf_node=package.leaf_node.changed(**fields)))


ONE, TWO = update(1, "one"), update(1, "two")
KEYS = GROUP.tree.member(2)


@pytest.mark.parametrize(
    ("items", "own", "expected"),
    [
        ((), (), []),
        (((1, ONE), (2, COMER), (2, PSK), (3, CONTEXT)), (), [0, 1, 2, 3]),
        (((1, ONE), (1, TWO)), (), [1]),
        (((2, Remove(1)), (1, ONE)), (), [0]),
        (((1, ONE), (2, Remove(1)), (3, Remove(1))), (), [2]),
        (((1, ONE),), (Remove(1),), []),
        (((2, Remove(1)),), (Remove(1),), []),
        (((2, Remove(0)), (0, update(0, "zero"))), (), []),
        (((1, CONTEXT), (2, LATER)), (), [1]),
        (((1, CONTEXT),), (LATER,), []),
        (((1, PSK), (2, PSK)), (), [1]),
        (((1, COMER), (2, COMER)), (), [1]),
        (((1, COMER),), (COMER,), []),
        (((1, REINIT),), (), [0]),
        (((1, REINIT), (2, REINIT)), (), [0]),
        (((1, REINIT), (2, COMER)), (), [1]),
        (((1, REINIT),), (COMER,), []),
    ],
)
def test_what_goes_together(items: tuple[tuple[int, Proposal], ...], own: tuple[Proposal, ...], expected: list[int]) -> None:
    assert chosen(*items, own=own) == expected


@pytest.mark.parametrize(
    "proposal",
    [
        Add(package_of("member-2").package),
        comer("a", encryption_key=KEYS.encryption_key),
        comer("b", extensions=(Extension(0xFF09, b""),)),
        comer("c", credential=X509Credential((b"certificate",))),
        update(1, "d", signature_key=KEYS.signature_key),
        update(1, "e", encryption_key=KEYS.encryption_key),
        GroupContextExtensions((Extension(0xFF09, b""),)),
        GroupContextExtensions((Extension(ExtensionType.REQUIRED_CAPABILITIES, b"\xff"),)),
    ],
)
def test_what_the_members_cannot_take_is_left_out(proposal: Proposal) -> None:
    assert chosen((1, proposal), (2, PSK)) == [1]


def test_a_credential_that_only_the_comer_can_read_is_left_out() -> None:
    package: KeyPackage = package_of("x").package
    able = replace(package.leaf_node.capabilities, credentials=(1, 2))
    assert chosen((1, comer("x", credential=X509Credential((b"certificate",)), capabilities=able))) == []


def test_two_updates_to_one_key_do_not_block_each_other() -> None:
    assert chosen((1, update(1, "same")), (2, update(2, "same"))) == [1]


def test_who_leaves_makes_room_for_its_successor() -> None:
    assert chosen((1, Add(package_of("member-2").package)), (1, Remove(2))) == [0, 1]


def test_what_belongs_into_an_external_commit_is_nobodys() -> None:
    group = GROUP.waiting(SentProposal(ExternalInit(b""), Sender(SenderType.NEW_MEMBER_COMMIT), b"ref"))
    assert choose_proposals(group) == ()
