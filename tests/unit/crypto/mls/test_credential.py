"""Credentials of the two types are carried as they are; others cannot be read."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import Reader, encode
from quorate_node.crypto.mls.credential import BasicCredential, Credential, X509Credential, read_credential
from quorate_node.crypto.mls.errors import UnsupportedError


@pytest.mark.parametrize(
    ("credential", "encoded"),
    [
        (BasicCredential(b"member-1"), "0001 08 6d656d6265722d31"),
        (X509Credential((b"leaf", b"ca")), "0002 08 04 6c656166 02 6361"),
        (X509Credential(()), "0002 00"),
    ],
)
def test_wire_form(credential: Credential, encoded: str) -> None:
    assert encode(credential) == bytes.fromhex(encoded)
    assert read_credential(Reader(bytes.fromhex(encoded))) == credential


@pytest.mark.parametrize("credential_type", [0, 3, 0x0A0A])
def test_a_type_that_is_not_ours_is_refused(credential_type: int) -> None:
    with pytest.raises(UnsupportedError, match=f"credential of type {credential_type}"):
        read_credential(Reader(credential_type.to_bytes(2, "big") + b"\x00"))
