"""The member's key: made once, for its eyes alone, and never replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from quorate_node.identity.files import own_key, write_whole
from quorate_node.transport.tls_files import TlsError


def test_the_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tls" / "tls.key"
    made = own_key(path)
    content = path.read_bytes()
    assert own_key(path).private_numbers() == made.private_numbers()
    assert path.read_bytes() == content


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "tls" / "tls.key"
    own_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    # As a volume's first mount with fsGroup leaves it.
    path.chmod(0o660)
    own_key(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_crash_left_half_written_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "tls.key.new").write_bytes(b"-----BEGIN PRI")
    own_key(tmp_path / "tls.key")
    assert [path.name for path in tmp_path.iterdir()] == ["tls.key"]


def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "tls.key"
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(TlsError, match="remove the file"):
        own_key(path)
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\nAAAA")


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())])
def test_a_key_of_another_kind_is_refused(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, tmp_path: Path) -> None:
    path = tmp_path / "tls.key"
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, pkcs8, plain))
    with pytest.raises(TlsError, match="no ECDSA P-256 key"):
        own_key(path)


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "tls.crt"
    path.write_bytes(b"old")
    with path.open("rb") as reading:
        write_whole(path, b"new and longer")
        assert reading.read() == b"old"
    assert path.read_bytes() == b"new and longer"
    assert path.stat().st_mode & 0o777 == 0o644
