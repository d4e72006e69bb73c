"""A Welcome is opened piece by piece, without a tree (source: the MLS working group's welcome vectors)."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.errors import BadSignature, DecryptionFailed
from quorate_node.crypto.mls.framing.message import MlsMessage
from quorate_node.crypto.mls.group.welcoming import LABEL
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.key_schedule import confirmation_tag, epoch_secrets, member_secret, welcome_key, welcome_secret
from quorate_node.crypto.mls.labels import decrypt_with_label
from quorate_node.crypto.mls.suites import suite_of
from quorate_node.crypto.mls.welcome_content import GroupSecrets, Welcome
from tests.conformance.mls.vectors import cases


@pytest.mark.parametrize("case", cases("welcome"))
def test_welcome(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    package, welcome = (decode(MlsMessage, bytes.fromhex(case[name])).message for name in ("key_package", "welcome"))
    assert isinstance(package, KeyPackage)
    assert isinstance(welcome, Welcome)
    init_private, signature_key = bytes.fromhex(case["init_priv"]), bytes.fromhex(case["signer_pub"])
    assert suite.kem_public(init_private) == package.init_key
    assert welcome.cipher_suite == package.cipher_suite == suite.number

    sealed = welcome.secrets_for(package.reference(suite))
    assert sealed is not None
    plaintext = decrypt_with_label(suite, init_private, LABEL, welcome.encrypted_group_info, sealed)
    secrets = decode(GroupSecrets, plaintext)
    assert encode(secrets) == plaintext
    assert secrets.psks == ()
    with pytest.raises(DecryptionFailed):
        decrypt_with_label(suite, init_private, LABEL, welcome.encrypted_group_info + b"\x00", sealed)

    member = member_secret(suite, secrets.joiner_secret, bytes(suite.hash_bytes))
    key, nonce = welcome_key(suite, welcome_secret(suite, member.buffer()).buffer())
    group_info = decode(GroupInfo, suite.open(key, nonce, b"", welcome.encrypted_group_info))
    group_info.verify(suite, signature_key)
    with pytest.raises(BadSignature):
        group_info.verify(suite, package.leaf_node.signature_key)

    context = group_info.group_context
    found = epoch_secrets(suite, member.buffer(), encode(context))
    tag = confirmation_tag(suite, found.confirmation_key.buffer(), context.confirmed_transcript_hash)
    assert tag == group_info.confirmation_tag
