"""Groups that take up another one: the same members under other parameters, or some of them apart (RFC 9420 sections 11.2 and 11.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.errors import LifecycleError, MissingPsk, ValidationError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.group.commit_create import CreatedCommit, create_commit
from quorate_node.crypto.mls.group.creation import create_group
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.group.own_key_package import OwnKeyPackage
from quorate_node.crypto.mls.group.psk_store import no_psks
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.group.succession import branch, check_succession, reinitialize
from quorate_node.crypto.mls.proposals import Add, PreSharedKey, Proposal, ReInit
from quorate_node.crypto.mls.psk import PreSharedKeyId, ResumptionPsk, ResumptionUsage
from quorate_node.crypto.mls.suites import SUITES
from tests.unit.crypto.mls.clients import SUITE, entropy_of
from tests.unit.crypto.mls.group.lives import Life, package_of

NAMES = ("founder", "member-1", "member-2")
REINIT = ReInit(b"next", 3, (Extension(0xFF01, b"x"),))


def ended() -> Life:
    """Three members whose group was reinitialized."""
    life = Life.of(3)
    life.commit("member-1", REINIT)
    return life


def linked(old: Group, usage: ResumptionUsage, *names: str, suite: int = 3, **changes: object) -> tuple[CreatedCommit, list[OwnKeyPackage]]:
    """A successor made by hand, with whatever its maker liked."""
    founder, *others = (package_of(name, SUITES[suite]) for name in names)
    group_id, extensions = changes.get("group_id", b"next"), changes.get("extensions", REINIT.extensions)
    leaf_node, private = founder.package.leaf_node, founder.leaf_private.buffer()
    new = create_group(SUITES[suite], group_id, leaf_node, private, founder.signer, entropy_of("new"), extensions)  # type: ignore[arg-type]
    psk = PreSharedKeyId(ResumptionPsk(usage, old.group_id, old.epoch), bytes(SUITES[suite].hash_bytes))
    proposals: list[Proposal] = [*(Add(own.package) for own in others), PreSharedKey(psk)]
    return create_commit(new, proposals, entropy_of("commit"), old.psk_source(no_psks)), others


def test_a_reinitialized_group_goes_on_in_another_suite() -> None:
    life = ended()
    own, *others = (package_of(name, SUITES[3]) for name in NAMES)
    created = reinitialize(life.founder, own, [other.package for other in others], entropy_of("new"))
    assert (created.group.group_id, created.group.epoch, created.group.suite.number) == (b"next", 1, 3)
    assert created.group.context.extensions == REINIT.extensions
    for name, other in zip(NAMES[1:], others, strict=True):
        assert created.welcome is not None
        joined = join_group(created.welcome, other, predecessor=life.views[name])
        assert joined.epoch_authenticator == created.group.epoch_authenticator


def test_a_branch_has_some_of_the_members_and_the_old_group_goes_on() -> None:
    life = Life.of(3)
    own, other = package_of("member-2-new"), package_of("founder")
    with pytest.raises(ValidationError, match="is no member of group"):
        branch(life.views["member-2"], b"apart", own, [other.package], entropy_of("new"))
    own = package_of("member-2")
    created = branch(life.views["member-2"], b"apart", own, [other.package], entropy_of("new"))
    assert created.welcome is not None
    joined = join_group(created.welcome, other, predecessor=life.founder)
    assert joined.epoch_authenticator == created.group.epoch_authenticator
    life.commit("founder")


def test_without_a_reinit_there_is_no_successor() -> None:
    life = Life.of(2)
    with pytest.raises(LifecycleError, match="no committed ReInit"):
        reinitialize(life.founder, package_of("founder"), [], entropy_of("new"))


def test_all_members_come_along() -> None:
    life = ended()
    own, other, _ = (package_of(name, SUITES[3]) for name in NAMES)
    with pytest.raises(ValidationError, match="has 3 members, its successor 2"):
        reinitialize(life.founder, own, [other.package], entropy_of("new"))
    with pytest.raises(ValidationError, match="is no member"):
        reinitialize(life.founder, own, [other.package, other.package], entropy_of("new"))


def test_who_was_not_in_the_old_group_cannot_join() -> None:
    life = ended()
    created, others = linked(life.founder, ResumptionUsage.REINIT, *NAMES)
    assert created.welcome is not None
    with pytest.raises(MissingPsk):
        join_group(created.welcome, others[0])
    with pytest.raises(MissingPsk, match="not at hand"):
        join_group(created.welcome, others[0], life.founder.psk_source(no_psks))
    with pytest.raises(MissingPsk):
        join_group(created.welcome, others[0], predecessor=Life.of(3).founder)
    join_group(created.welcome, others[0], predecessor=life.views["member-1"])


@pytest.mark.parametrize(
    ("names", "changes", "message"),
    [
        (NAMES, {"group_id": b"else"}, "another id, suite or extensions"),
        (NAMES, {"extensions": ()}, "another id, suite or extensions"),
        (NAMES, {"suite": 1}, "another id, suite or extensions"),
        (NAMES[:2], {}, "3 members, its successor 2"),
        (("founder", "member-1", "somebody"), {}, "is no member"),
    ],
)
def test_a_successor_is_what_was_asked_for(names: tuple[str, ...], changes: dict[str, object], message: str) -> None:
    life = ended()
    created, others = linked(life.founder, ResumptionUsage.REINIT, *names, **changes)  # type: ignore[arg-type]
    assert created.welcome is not None
    with pytest.raises(ValidationError, match=message):
        join_group(created.welcome, others[0], predecessor=life.views["member-1"])


def test_a_successor_of_a_group_that_goes_on_is_refused() -> None:
    life = Life.of(3)
    created, others = linked(life.founder, ResumptionUsage.REINIT, *NAMES)
    assert created.welcome is not None
    with pytest.raises(ValidationError, match="no committed ReInit"):
        join_group(created.welcome, others[0], predecessor=life.views["member-1"])


def test_a_branch_keeps_the_suite() -> None:
    life = Life.of(3)
    created, others = linked(life.founder, ResumptionUsage.BRANCH, "founder", "member-1")
    assert created.welcome is not None
    with pytest.raises(ValidationError, match="branch of suite 3 of a group of suite 1"):
        join_group(created.welcome, others[0], predecessor=life.views["member-1"])


def test_a_group_is_linked_once_and_only_where_it_should_be() -> None:
    life = Life.of(2)
    name = ResumptionPsk(ResumptionUsage.BRANCH, life.founder.group_id, life.founder.epoch)
    link = PreSharedKeyId(name, bytes(SUITE.hash_bytes))
    check_succession(life.founder.public, (), None)
    check_succession(life.founder.public, (replace(link, name=replace(name, usage=ResumptionUsage.APPLICATION)),), None)
    check_succession(life.founder.public, (link,), life.founder)
    for links in ((), (link, link)):
        with pytest.raises(ValidationError, match=f"exactly one epoch, not {len(links)}"):
            check_succession(life.founder.public, links, life.founder)
    life.commit("founder")
    with pytest.raises(MissingPsk):
        check_succession(life.founder.public, (link,), life.founder)
    link = replace(link, name=replace(name, epoch=life.founder.epoch))
    with pytest.raises(ValidationError, match="joined in epoch 1, not 2"):
        check_succession(life.founder.public, (link,), life.founder)
