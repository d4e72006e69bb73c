"""When an epoch is over and erased, nothing of its secrets is on the member's heap; what the next one needs is still there."""

from __future__ import annotations

from dataclasses import fields

from quorate_node.crypto.mls.group.commit_create import create_commit
from quorate_node.crypto.mls.group.commit_open import process_commit
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.group.messages import open_message, send_application
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.proposals import Add
from quorate_node.crypto.mls.secret_tree import RatchetKind
from tests.unit.crypto.epochs.heap import found_in_heap, masked
from tests.unit.crypto.mls.group.lives import Life, package_of, sent

Masks = dict[str, tuple[int, ...]]
TAG = "erased-"
"""No other test's groups have the same secrets: what those still hold would be found here."""


def secrets_of(group: Group, name: str) -> Masks:
    """All secrets of an epoch, masked. The encryption secret goes when the secret tree is made, so it is not among them."""
    found: Masks = {}
    for field in fields(group.secrets):
        secret = getattr(group.secrets, field.name)
        if not secret.erased:
            found[f"{name} {field.name}"] = masked(secret.buffer())
    return found


def keys_of(group: Group, name: str) -> Masks:
    keys = {node: group.private.key(node) for node in group.private.nodes()}
    return {f"{name} key of node {node}": masked(key.buffer()) for node, key in keys.items() if key is not None}


def test_a_receiver_forgets_the_old_epoch() -> None:
    life = Life.of(4, tag=TAG)
    receiver, before = life.views["member-1"], life.founder
    created = create_commit(before, (), life.entropy)
    wanted = secrets_of(receiver, "old") | {
        name: mask for name, mask in keys_of(receiver, "old").items() if name in ("old key of node 1", "old key of node 3")
    }
    assert found_in_heap(wanted) == set(wanted), "they are there as long as the epoch is"
    after = process_commit(receiver, open_message(receiver, sent(created.message)))
    for view in (*life.views.values(), before):
        view.erase()
    life.psks.erase()
    assert found_in_heap(wanted) == set()
    kept = secrets_of(after, "new")
    assert kept
    assert found_in_heap(kept) == set(kept)
    after.private.check(after.tree)


def test_a_committer_forgets_the_old_epoch_and_its_path() -> None:
    life = Life.of(4, tag=TAG)
    before = life.founder
    wanted = secrets_of(before, "old") | keys_of(before, "old")

    def entropy(length: int) -> bytes:
        """What keys, path secrets and encapsulations are drawn from."""
        drawn = life.entropy(length)
        wanted[f"draw {len(wanted)}"] = masked(drawn)
        return drawn

    created = create_commit(before, (Add(package_of(f"{TAG}late").package),), entropy)
    assert sum(name.startswith("draw") for name in wanted) >= 4
    for view in life.views.values():
        view.erase()
    life.psks.erase()
    assert found_in_heap(wanted) == set()
    created.group.private.check(created.group.tree)


def test_a_joiner_forgets_what_opened_its_welcome() -> None:
    life, own = Life.of(2, tag=TAG), package_of(f"{TAG}late")
    created = create_commit(life.founder, (Add(own.package),), life.entropy)
    assert created.welcome is not None
    wanted = {"init key": masked(own.init_private.buffer())}
    assert found_in_heap(wanted) == {"init key"}
    joined = join_group(sent(created.welcome), own)
    own.erase()
    assert found_in_heap(wanted) == set()
    joined.private.check(joined.tree)


def test_a_message_key_is_forgotten_when_it_was_used() -> None:
    """The epoch goes on: its other keys stay."""
    life = Life.of(2, tag=TAG)
    receiver = life.views["member-1"]
    look = receiver.secret_tree.look(life.founder.own_leaf, RatchetKind.APPLICATION, 0)
    wanted = {"message key": masked(look.message_key.key.buffer())}
    look.drop()
    message = sent(send_application(life.founder, b"text", life.entropy))
    assert found_in_heap(wanted) == set(), "the sender has no use for it after the message"
    open_message(receiver, message)
    assert found_in_heap(wanted) == set()
    open_message(receiver, sent(send_application(life.founder, b"more", life.entropy)))
