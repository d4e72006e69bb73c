"""Joining by a Welcome: what opens it, and what is refused (RFC 9420 section 12.4.3.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import (
    BadKey,
    BadMac,
    BadSignature,
    InvalidProposal,
    LifecycleError,
    MissingPsk,
    MlsError,
    NotForUs,
    TreeError,
    UnsupportedError,
    ValidationError,
)
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.group.commit_create import CommitOptions, create_commit
from quorate_node.crypto.mls.group.group_view import view_group
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.group.psk_store import no_psks
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_schedule import member_secret, welcome_key, welcome_secret
from quorate_node.crypto.mls.labels import decrypt_with_label, encrypt_with_label
from quorate_node.crypto.mls.proposals import Add, PreSharedKey
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.suites import SUITES, Suite
from quorate_node.crypto.mls.welcome_content import EncryptedGroupSecrets, GroupSecrets, Welcome
from tests.unit.crypto.mls.clients import SUITE, entropy_of
from tests.unit.crypto.mls.group.lives import Life, package_of, sent

PSK = PreSharedKeyId(ExternalPsk(b"shared"), bytes(32))


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_every_suite(suite: Suite) -> None:
    life = Life.of(3, suite)
    life.add("member-2", "late", options=CommitOptions(tree_in_welcome=False))
    life.commit("late")


def test_without_a_path_a_joiner_knows_its_own_key_alone() -> None:
    life = Life.of(3)
    life.add("founder", "late", options=CommitOptions(force_path=False))
    assert life.views["late"].private.nodes() == [6]
    life.commit("late")
    life.commit("member-1")


def test_a_psk_must_be_there() -> None:
    life = Life.of(2)
    life.psks.set_external(b"shared", b"key")
    own = package_of("late")
    created = life.commit("founder", Add(own.package), PreSharedKey(PSK))
    assert created.welcome is not None
    with pytest.raises(MissingPsk, match="external PSK"):
        join_group(created.welcome, own, no_psks)
    wrong = {b"shared": b"other"}
    with pytest.raises(MlsError):
        join_group(created.welcome, own, lambda name: wrong.get(name.psk_id) if isinstance(name, ExternalPsk) else None)
    assert join_group(created.welcome, own, life.psks.find).epoch_authenticator == life.founder.epoch_authenticator


def test_a_used_key_package_opens_nothing() -> None:
    life = Life.of(1)
    own = package_of("late")
    created = life.commit("founder", Add(own.package))
    assert created.welcome is not None
    own.check(SUITE)
    own.erase()
    with pytest.raises(LifecycleError):
        join_group(created.welcome, own)


def test_private_keys_are_held_against_their_package() -> None:
    own, other = package_of("late"), package_of("other")
    for field, name in (("init_private", "init_key"), ("leaf_private", "encryption_key"), ("signer", "signature_key")):
        with pytest.raises(BadKey, match=f"key package's {name}"):
            replace(own, **{field: getattr(other, field)}).check(SUITE)


class Forger:
    """A member that adds `late` and seals what it likes: a malicious one has all secrets that it needs."""

    def __init__(self) -> None:
        self.life = Life.of(2)
        self.own = package_of("late")
        self.group = create_commit(self.life.founder, (Add(self.own.package),), self.life.entropy).group
        self.info = self.group.group_info(with_tree=True, with_external_pub=False)
        self.secrets = GroupSecrets(bytes(32), None, ())
        self.sealed_to = self.own.package

    def signed(self, **fields: object) -> GroupInfo:
        return replace(self.info, **fields).signed(SUITE, self.group.signer)  # type: ignore[arg-type]

    def welcome(self) -> Welcome:
        member = member_secret(SUITE, self.secrets.joiner_secret, bytes(32))
        key, nonce = welcome_key(SUITE, welcome_secret(SUITE, member.buffer()).buffer())
        sealed_info = SUITE.seal(key, nonce, b"", encode(self.info))
        package = self.sealed_to
        sealed = encrypt_with_label(SUITE, package.init_key, "Welcome", sealed_info, encode(self.secrets), entropy_of("forger"))
        return Welcome(SUITE.number, (EncryptedGroupSecrets(package.reference(SUITE), sealed),), sealed_info)

    def refused(self, error: type[MlsError], message: str, tree: RatchetTree | None = None) -> None:
        with pytest.raises(error, match=message):
            join_group(sent(self.welcome()), self.own, no_psks, tree)


def test_a_welcome_for_somebody_else() -> None:
    forger = Forger()
    forger.sealed_to = package_of("other").package
    forger.refused(NotForUs, "nothing for key package")


def test_a_welcome_of_another_suite() -> None:
    forger = Forger()
    with pytest.raises(UnsupportedError, match="Welcome of suite 3 for a key package of suite 1"):
        join_group(replace(forger.welcome(), cipher_suite=3), forger.own)
    forger.info = forger.signed(group_context=replace(forger.info.group_context, cipher_suite=3))
    forger.refused(UnsupportedError, "Welcome of suite 1 into a group of suite 3")


def test_psks_are_named_once_and_properly() -> None:
    forger = Forger()
    forger.secrets = replace(forger.secrets, psks=(PSK, PSK))
    forger.refused(InvalidProposal, "twice in one Welcome")
    forger.secrets = replace(forger.secrets, psks=(replace(PSK, psk_nonce=b"short"),))
    forger.refused(ValidationError, "psk_nonce has 5 bytes")


def test_secrets_of_another_epoch() -> None:
    """Everything fits but the joiner secret: the confirmation tag tells."""
    Forger().refused(BadMac, "confirms another epoch")


def test_a_group_info_that_nobody_signed() -> None:
    forger = Forger()
    forger.info = replace(forger.info, signature=bytes(64))
    forger.refused(BadSignature, "does not fit")
    forger.info = forger.signed(signer=1)
    forger.refused(BadSignature, "does not fit")
    forger.info = forger.signed(signer=9)
    forger.refused(TreeError, "leaf 9 is outside")


def test_the_tree_inside_or_out_of_band_is_that_of_the_epoch() -> None:
    forger = Forger()
    old, other = forger.life.founder.tree, Life.of(1, SUITES[3]).founder.tree
    forger.info = forger.signed(extensions=(Extension(ExtensionType.RATCHET_TREE, encode(old)),))
    forger.refused(TreeError, "its hash is another one")
    forger.info = forger.signed(extensions=())
    forger.refused(ValidationError, "without its tree")
    forger.refused(TreeError, "its hash is another one", old)
    forger.refused(TreeError, "tree of suite 3 for a group of suite 1", other)
    forger.refused(BadMac, "confirms another epoch", forger.group.tree)


def test_extensions_stand_once() -> None:
    forger = Forger()
    genuine = forger.info
    forger.info = forger.signed(extensions=genuine.extensions * 2)
    forger.refused(ValidationError, "twice in one list")
    forger.info = forger.signed(group_context=replace(genuine.group_context, extensions=(Extension(0xFF01, b""),) * 2))
    forger.refused(ValidationError, "twice in one list")


def test_a_group_that_does_not_have_us() -> None:
    forger = Forger()
    forger.own = package_of("late")
    forger.group = forger.life.founder
    forger.info = forger.group.group_info(with_tree=True, with_external_pub=False)
    forger.refused(TreeError, "not in the tree of the group")


def test_a_path_secret_of_another_tree() -> None:
    """The last check: a committer must not tell a joiner a key that is not in the tree. Its tag fits, so the secrets are genuine."""
    life, own = Life.of(2), package_of("late")
    created = create_commit(life.founder, (Add(own.package),), life.entropy)
    assert created.welcome is not None
    sealed = created.welcome.secrets[0].encrypted_group_secrets
    info = created.welcome.encrypted_group_info
    opened = decode(GroupSecrets, decrypt_with_label(SUITE, own.init_private.buffer(), "Welcome", info, sealed))
    forged = encode(replace(opened, path_secret=bytes(32)))
    resealed = encrypt_with_label(SUITE, own.package.init_key, "Welcome", info, forged, life.entropy)
    secrets = (EncryptedGroupSecrets(own.package.reference(SUITE), resealed),)
    with pytest.raises(TreeError, match="does not belong to its public key"):
        join_group(replace(created.welcome, secrets=secrets), own)


def test_a_view_needs_no_secrets() -> None:
    """Somebody outside checks a GroupInfo as a joiner does."""
    life = Life.of(3)
    info = life.founder.group_info(with_tree=True, with_external_pub=True)
    view = view_group(sent(info), None)
    assert view.encoded_context == life.founder.public.encoded_context
    assert view.interim_transcript_hash == life.founder.public.interim_transcript_hash
