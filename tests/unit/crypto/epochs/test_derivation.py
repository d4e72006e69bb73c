"""The key derivations, held against HMAC-SHA256 written out, and that no two purposes share a key."""

from __future__ import annotations

import hmac
from struct import pack

from quorate_node.crypto.epochs.derivation import connection_context, connection_key, expand, first_chain_key, next_chain_key
from quorate_node.crypto.mls.secret import Secret

EXPORTER = Secret(bytes(range(32)))


def by_definition(key: bytes, info: bytes) -> bytes:
    """HKDF-Expand for one block (RFC 5869 2.3): T(1) = HMAC(PRK, info | 0x01)."""
    return hmac.digest(key, info + b"\x01", "sha256")


def test_expand_is_rfc_5869() -> None:
    """Test case 1 of appendix A.1, first block."""
    key = Secret(bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"))
    output = expand(key, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"))
    assert output.buffer().hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"


def test_the_labels_are_those_of_the_docstring() -> None:
    label = b"quorate group keys 1 "
    first = first_chain_key(EXPORTER, b"group", 7, 1, 2)
    assert first.bytes() == by_definition(EXPORTER.bytes(), label + b"chain" + pack(">BH", 1, 5) + b"group" + pack(">QQQ", 7, 1, 2))
    after = next_chain_key(first, 3)
    assert after.bytes() == by_definition(first.bytes(), label + b"step" + pack(">I", 3))
    context = connection_context(1, 2, b"d" * 32, b"a" * 32)
    assert context == pack(">QQ", 1, 2) + b"d" * 32 + b"a" * 32
    key = connection_key(first, 3, context)
    assert key.bytes() == by_definition(first.bytes(), label + b"connection" + pack(">I", 3) + context)


def test_every_input_changes_the_chain() -> None:
    inputs = [
        (EXPORTER, b"group", 7, 1, 2),
        (Secret(bytes(32)), b"group", 7, 1, 2),
        (EXPORTER, b"group2", 7, 1, 2),
        (EXPORTER, b"group", 8, 1, 2),
        (EXPORTER, b"group", 7, 3, 2),
        (EXPORTER, b"group", 7, 1, 3),
        (EXPORTER, b"group", 7, 2, 1),
    ]
    assert len({first_chain_key(*each).bytes() for each in inputs}) == len(inputs)


def test_every_input_changes_the_connections_key() -> None:
    chain = first_chain_key(EXPORTER, b"group", 7, 1, 2)
    contexts = [
        connection_context(1, 2, b"d" * 32, b"a" * 32),
        connection_context(2, 1, b"d" * 32, b"a" * 32),
        connection_context(1, 2, b"a" * 32, b"d" * 32),
        connection_context(1, 2, b"d" * 32, b"b" * 32),
        connection_context(1, 2, b"e" * 32, b"a" * 32),
    ]
    keys = {connection_key(chain, step, context).bytes() for step in (0, 1) for context in contexts}
    assert len(keys) == 2 * len(contexts)
    assert next_chain_key(chain, 0).bytes() not in keys
