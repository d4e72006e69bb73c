"""A client that is welcomed and then only follows (source: the MLS working group's passive-client vectors).

Besides, each message is refused where it must be: a Welcome and commits that were damaged, a Welcome without a pre-shared key that it
names or without its tree, and everything that comes a second time.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.errors import EpochError, LifecycleError, MissingPsk, MlsError, ValidationError
from quorate_node.crypto.mls.framing.message import MlsMessage
from quorate_node.crypto.mls.framing.private_message import PrivateMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group.commit_open import process_commit
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.group.messages import open_message, receive_proposal
from quorate_node.crypto.mls.group.own_key_package import OwnKeyPackage
from quorate_node.crypto.mls.group.psk_store import PskStore, no_psks
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.group.welcoming import LABEL
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.labels import decrypt_with_label
from quorate_node.crypto.mls.psk import PreSharedKeyId
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.suites import Suite, suite_of
from quorate_node.crypto.mls.welcome_content import GroupSecrets, Welcome
from tests.conformance.mls.vectors import cases, read_tree

DAMAGES = 4


def message_of(text: str, *kinds: type) -> Any:
    found = decode(MlsMessage, bytes.fromhex(text))
    assert encode(found).hex() == text
    assert isinstance(found.message, kinds)
    return found.message


def own_key_package(suite: Suite, case: Any) -> OwnKeyPackage:
    """The vector's key package; `check` holds each private key against the public one."""
    package = message_of(case["key_package"], KeyPackage)
    init, encryption, signature = (bytes.fromhex(case[name]) for name in ("init_priv", "encryption_priv", "signature_priv"))
    # Some stacks keep the public key behind the seed of an Edwards curve.
    signature = signature.removesuffix(package.leaf_node.signature_key)
    own = OwnKeyPackage(package, Secret(init), Secret(encryption), suite.signer(signature))
    assert own.package.validate(None) is suite
    own.check(suite)
    return own


def given_tree(suite: Suite, case: Any) -> RatchetTree | None:
    return read_tree(suite, case["ratchet_tree"]) if case["ratchet_tree"] else None


def psk_store(case: Any) -> PskStore:
    store = PskStore(past_epochs_max=1_000)
    for psk in case["external_psks"]:
        store.set_external(bytes.fromhex(psk["psk_id"]), bytes.fromhex(psk["psk"]))
    return store


def follow(group: Group, step: Any, psks: PskStore) -> Group:
    """One epoch: its proposals, then its commit."""
    for text in step["proposals"]:
        group = receive_proposal(group, open_message(group, message_of(text, PublicMessage, PrivateMessage)))
    commit = open_message(group, message_of(step["commit"], PublicMessage, PrivateMessage))
    assert isinstance(commit.content.body, Commit)
    return process_commit(group, commit, psks.find)


def flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("case", cases("passive-client"))
def test_passive_client(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    psks = psk_store(case)
    group = join_group(message_of(case["welcome"], Welcome), own_key_package(suite, case), psks.find, given_tree(suite, case))
    assert group.epoch_authenticator.hex() == case["initial_epoch_authenticator"]
    group.private.check(group.tree)
    for step in case["epochs"]:
        psks.remember_epoch(group.group_id, group.epoch, group.resumption_psk.buffer())
        after = follow(group, step, psks)
        assert after.epoch_authenticator.hex() == step["epoch_authenticator"]
        after.private.check(after.tree)
        with pytest.raises((EpochError, LifecycleError)):
            open_message(after, message_of(step["commit"], PublicMessage, PrivateMessage))
        group.erase()
        group = after


def named_psks(suite: Suite, welcome: Welcome, own: OwnKeyPackage) -> tuple[PreSharedKeyId, ...]:
    """The keys that the Welcome itself needs: others of the vector belong to later commits."""
    sealed = welcome.secrets_for(own.package.reference(suite))
    assert sealed is not None
    plaintext = decrypt_with_label(suite, own.init_private.buffer(), LABEL, welcome.encrypted_group_info, sealed)
    return decode(GroupSecrets, plaintext).psks


@pytest.mark.parametrize("case", cases("passive-client"))
def test_what_is_missing_is_never_replaced(case: Any) -> None:
    suite, welcome = suite_of(case["cipher_suite"]), message_of(case["welcome"], Welcome)
    own, tree = own_key_package(suite, case), given_tree(suite, case)
    if named_psks(suite, welcome, own):
        with pytest.raises(MissingPsk):
            join_group(welcome, own, no_psks, tree)
    if tree is not None:
        with pytest.raises(ValidationError, match="without its tree"):
            join_group(welcome, own, psk_store(case).find)
    assert join_group(welcome, own, psk_store(case).find, tree).epoch_authenticator.hex() == case["initial_epoch_authenticator"]


@pytest.mark.parametrize("case", cases("passive-client"))
def test_damaged_messages_are_refused(case: Any) -> None:
    suite, draw = suite_of(case["cipher_suite"]), random.Random(11)
    own, tree, psks = own_key_package(suite, case), given_tree(suite, case), psk_store(case)
    genuine, reference = message_of(case["welcome"], Welcome), own.package.reference(suite)
    for _ in range(DAMAGES):
        try:
            welcome = decode(Welcome, flipped(encode(genuine), draw))
            group = join_group(welcome, own, psks.find, tree)
        except MlsError:
            continue
        assert welcome.secrets_for(reference) == genuine.secrets_for(reference), "what is sealed to others is none of our business"
        assert welcome.encrypted_group_info == genuine.encrypted_group_info
        assert group.epoch_authenticator.hex() == case["initial_epoch_authenticator"]
    group = join_group(message_of(case["welcome"], Welcome), own, psks.find, tree)
    for step in case["epochs"][:2]:
        psks.remember_epoch(group.group_id, group.epoch, group.resumption_psk.buffer())
        for _ in range(DAMAGES):
            message = message_of(step["commit"], PublicMessage, PrivateMessage)
            with pytest.raises(MlsError):
                process_commit(group, open_message(group, decode(type(message), flipped(encode(message), draw))), psks.find)
        group = follow(group, step, psks)
        assert group.epoch_authenticator.hex() == step["epoch_authenticator"]
