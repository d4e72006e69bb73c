"""Welcomes and the secrets inside them."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.labels import HpkeCiphertext
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId
from quorate_node.crypto.mls.welcome_content import EncryptedGroupSecrets, GroupSecrets, Welcome


@pytest.mark.parametrize("path_secret", [None, b"", b"path"])
def test_group_secrets_can_be_read_again(path_secret: bytes | None) -> None:
    secrets = GroupSecrets(b"joiner", path_secret, (PreSharedKeyId(ExternalPsk(b"id"), b"nonce"),))
    assert decode(GroupSecrets, encode(secrets)) == secrets
    assert encode(GroupSecrets(b"j", b"p", ())) == bytes.fromhex("01 6a  01 01 70  00")


def test_secrets_are_not_shown() -> None:
    assert repr(GroupSecrets(b"joiner", b"path", ())) == "GroupSecrets(psks=())"


def test_a_new_member_finds_its_own() -> None:
    sealed = [HpkeCiphertext(bytes((number,)), b"") for number in range(2)]
    welcome = Welcome(1, tuple(EncryptedGroupSecrets(b"ref-%d" % number, one) for number, one in enumerate(sealed)), b"info")
    assert decode(Welcome, encode(welcome)) == welcome
    assert welcome.secrets_for(b"ref-1") == sealed[1]
    assert welcome.secrets_for(b"ref-2") is None
