"""Coming by an external commit, and coming back (RFC 9420 sections 8.3 and 12.4.3.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.errors import BadKey, BadMac, InvalidProposal, MissingPsk, TreeError, UnsupportedError, ValidationError
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.group.commit_open import process_commit
from quorate_node.crypto.mls.group.external_join import ExternalJoinOptions, join_externally
from quorate_node.crypto.mls.group.messages import open_message
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId
from quorate_node.crypto.mls.suites import SUITES, Suite
from tests.unit.crypto.mls.clients import SUITE, entropy_of
from tests.unit.crypto.mls.group.lives import Life, package_of, sent

PSK = PreSharedKeyId(ExternalPsk(b"shared"), bytes(32))


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_every_suite(suite: Suite) -> None:
    life = Life.of(2, suite)
    life.come("outside")
    life.commit("outside")
    life.commit("member-1")


def test_who_comes_alone_takes_a_room_of_its_own() -> None:
    life = Life.of(4)
    life.come("outside")
    assert life.leaf_of("outside") == 4
    assert life.founder.tree.size == 15


def test_who_comes_back_removes_its_old_leaf() -> None:
    life = Life.of(5)
    life.commit("member-2")
    leaf = life.leaf_of("member-2")
    lost = life.views["member-2"]
    joined = life.come("member-2", ExternalJoinOptions(remove=leaf))
    assert life.leaf_of("member-2") == leaf
    assert len(list(life.founder.tree.members())) == 5
    assert joined.group.own_leaf_node.encryption_key != lost.own_leaf_node.encryption_key
    life.commit("member-2")


def test_a_psk_can_be_asked_for() -> None:
    life = Life.of(2)
    with pytest.raises(MissingPsk):
        life.come("outside", ExternalJoinOptions(psks=(PSK,)))
    life.psks.set_external(b"shared", b"key")
    life.come("outside", ExternalJoinOptions(psks=(PSK,), authenticated_data=b"said openly"))


def test_another_psk_leads_elsewhere() -> None:
    life = Life.of(2)
    life.psks.set_external(b"shared", b"key")
    own = package_of("outside")
    info = life.founder.group_info(with_tree=True, with_external_pub=True)
    options = ExternalJoinOptions(psks=(PSK,))
    joined = join_externally(info, own.package.leaf_node, own.signer, entropy_of("a"), None, lambda _: b"other", options)
    with pytest.raises(BadMac, match="confirms another epoch"):
        process_commit(life.founder, open_message(life.founder, sent(joined.message)), life.psks.find)


def test_the_tree_may_come_out_of_band() -> None:
    life, own = Life.of(3), package_of("outside")
    info = life.founder.group_info(with_tree=False, with_external_pub=True)
    with pytest.raises(ValidationError, match="without its tree"):
        join_externally(info, own.package.leaf_node, own.signer, entropy_of("a"))
    joined = join_externally(info, own.package.leaf_node, own.signer, entropy_of("a"), life.founder.tree)
    life.deliver(joined.message, {"outside": joined.group})


def test_without_an_external_key_nobody_can_come() -> None:
    life, own = Life.of(2), package_of("outside")
    info = life.founder.group_info(with_tree=True, with_external_pub=False)
    with pytest.raises(ValidationError, match="no external public key"):
        join_externally(info, own.package.leaf_node, own.signer, entropy_of("a"))
    broken = replace(info, extensions=(*info.extensions, Extension(ExtensionType.EXTERNAL_PUB, b"\x03abc")))
    with pytest.raises(BadKey):
        join_externally(broken.signed(SUITE, life.founder.signer), own.package.leaf_node, own.signer, entropy_of("a"))


def test_what_the_members_would_refuse_is_not_made() -> None:
    life = Life.of(3, extensions=(Extension(0xFF01, b""),))
    with pytest.raises(TreeError, match="same signature key"):
        life.come("member-1")
    with pytest.raises(TreeError, match="leaf 7 is outside"):
        life.come("outside", ExternalJoinOptions(remove=7))
    with pytest.raises(InvalidProposal, match="stands twice"):
        life.come("outside", ExternalJoinOptions(psks=(PSK, PSK)))
    unable = replace(package_of("outside").package.leaf_node.capabilities, extensions=())
    with pytest.raises(UnsupportedError, match="extension 65281"):
        life.come("outside", capabilities=unable)


def test_who_was_refused_has_changed_nothing() -> None:
    """The members' epoch is the same for the next one who comes."""
    life = Life.of(2)
    context = encode(life.founder.context)
    own = package_of("outside")
    info = life.founder.group_info(with_tree=True, with_external_pub=True)
    late = join_externally(info, own.package.leaf_node, own.signer, entropy_of("a"))
    assert encode(life.founder.context) == context
    life.come("other")
    with pytest.raises(ValidationError):
        open_message(life.founder, replace(late.message, content=replace(late.message.content, epoch=life.founder.epoch)))
