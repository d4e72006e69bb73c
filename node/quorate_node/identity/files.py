"""Key and certificate on the data volume: whole or not there at all, and durable before anything depends on them."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from quorate_node.transport.tls_files import TlsError

KEY_MODE = 0o600
CERTIFICATE_MODE = 0o644
FOLDER_MODE = 0o700
BYTES_MAX = 1 << 20
MemberKey = ec.EllipticCurvePrivateKey


def own_key(path: Path) -> MemberKey:
    """The key on the volume, made there the first time (ECDSA P-256). The next pod on this volume finds it again.

    A file that is there is never replaced: it may be what the others know this member by. Raises `TlsError`, `OSError`.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    write_whole(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), KEY_MODE)
    return _read(path)


def _read(path: Path) -> MemberKey:
    with path.open("rb") as file:
        content = file.read(BYTES_MAX)
    # A volume that came with other rights (fsGroup) is put right: nobody else in the pod needs to read it.
    if path.stat().st_mode & 0o777 != KEY_MODE:
        path.chmod(KEY_MODE)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TlsError(f"the member's key {path} cannot be read: {error}; remove the file, and the member makes a new one") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TlsError(f"the member's key {path} is no ECDSA P-256 key, as no member made it: remove it, and the member makes a new one")
    return key


def write_whole(path: Path, content: bytes, mode: int = CERTIFICATE_MODE) -> None:
    """Replaces `path` in one step; durable on return. Raises `OSError`, and then what was there is still whole."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
