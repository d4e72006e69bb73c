"""Five epochs for every suite: each secret, the external key and the exporter."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls import key_schedule
from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.group_context import GroupContext
from quorate_node.crypto.mls.suites import suite_of
from tests.conformance.mls.vectors import cases

SECRETS = {
    "init_secret",
    "sender_data_secret",
    "encryption_secret",
    "exporter_secret",
    "epoch_authenticator",
    "external_secret",
    "confirmation_key",
    "membership_key",
    "resumption_psk",
}


@pytest.mark.parametrize("case", cases("key-schedule"))
def test_key_schedule(case: Any) -> None:
    suite = suite_of(case["cipher_suite"])
    init_secret = bytes.fromhex(case["initial_init_secret"])
    for number, epoch in enumerate(case["epochs"]):
        context = encode(
            GroupContext(
                suite.number,
                bytes.fromhex(case["group_id"]),
                number,
                bytes.fromhex(epoch["tree_hash"]),
                bytes.fromhex(epoch["confirmed_transcript_hash"]),
            )
        )
        assert context.hex() == epoch["group_context"]
        assert encode(decode(GroupContext, context)) == context
        joiner = key_schedule.joiner_secret(suite, init_secret, bytes.fromhex(epoch["commit_secret"]), context)
        assert joiner.bytes().hex() == epoch["joiner_secret"]
        member = key_schedule.member_secret(suite, joiner.buffer(), bytes.fromhex(epoch["psk_secret"]))
        assert key_schedule.welcome_secret(suite, member.buffer()).bytes().hex() == epoch["welcome_secret"]
        secrets = key_schedule.epoch_secrets(suite, member.buffer(), context)
        assert {name: getattr(secrets, name).bytes().hex() for name in SECRETS} == {name: epoch[name] for name in SECRETS}
        external = key_schedule.external_key_pair(suite, secrets.external_secret.buffer())
        assert external.public.hex() == epoch["external_pub"]
        wanted = epoch["exporter"]
        exported = key_schedule.export(
            suite, secrets.exporter_secret.buffer(), wanted["label"], bytes.fromhex(wanted["context"]), wanted["length"]
        )
        assert exported.hex() == wanted["secret"]
        init_secret = secrets.init_secret.bytes()
