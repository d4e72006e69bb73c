"""Message keys of every leaf and generation, and sender data keys, for every suite."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls.errors import ReplayError, ValidationError
from quorate_node.crypto.mls.framing.sender_data import sender_data_key
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.secret_tree import RatchetKind, SecretTree
from quorate_node.crypto.mls.suites import suite_of
from tests.conformance.mls.vectors import cases


@pytest.mark.parametrize("case", cases("secret-tree"))
def test_secret_tree(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    tree = SecretTree(suite, Secret(bytes.fromhex(case["encryption_secret"])), len(case["leaves"]))
    for leaf, generations in enumerate(case["leaves"]):
        for wanted in generations:
            for kind in RatchetKind:
                look = tree.look(leaf, kind, wanted["generation"])
                name = kind.name.lower()
                assert look.message_key.key.bytes().hex() == wanted[f"{name}_key"]
                assert look.message_key.nonce.bytes().hex() == wanted[f"{name}_nonce"]
                tree.take(leaf, kind, look)
                with pytest.raises(ReplayError, match="was used before"):
                    tree.look(leaf, kind, wanted["generation"])
    with pytest.raises(ValidationError, match="the tree has"):
        tree.look(len(case["leaves"]), RatchetKind.APPLICATION, 0)


@pytest.mark.parametrize("case", cases("secret-tree"))
def test_sender_data_keys(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    wanted = case["sender_data"]
    key, nonce = sender_data_key(suite, bytes.fromhex(wanted["sender_data_secret"]), bytes.fromhex(wanted["ciphertext"]))
    assert (key.hex(), nonce.hex()) == (wanted["key"], wanted["nonce"])
