"""HPKE by RFC 9180's own test vector A.1.1: X25519, HKDF-SHA256, AES-128-GCM, base mode."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls import hpke
from quorate_node.crypto.mls.errors import BadKey, DecryptionFailed
from quorate_node.crypto.mls.suites import SUITES

SUITE = SUITES[1]
INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
IKM_E = bytes.fromhex("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234")
IKM_R = bytes.fromhex("6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037")
ENC = bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
AAD, PLAINTEXT = b"Count-0", b"Beauty is truth, truth beauty"
CIPHERTEXT = bytes.fromhex("f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a")


def test_rfc_9180_a_1_1() -> None:
    receiver = SUITE.derive_key_pair(IKM_R)
    assert receiver.private.hex() == "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"
    assert receiver.public.hex() == "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"
    kem_output, context = hpke.setup_sender(SUITE, receiver.public, INFO, lambda length: IKM_E)
    assert kem_output == ENC
    assert context.key.hex() == "4531685d41d65f03dc48f6b8302c05b0"
    assert context.nonce.hex() == "56d890e5accaaf011cff4b7d"
    assert context.exporter_secret.hex() == "45ff1c2e220db587171952c0592d5f5ebe103f1561a2614e38f2ffd47e99e3f8"
    assert context.seal(AAD, PLAINTEXT) == CIPHERTEXT
    assert hpke.seal(SUITE, receiver.public, INFO, AAD, PLAINTEXT, lambda length: IKM_E) == (ENC, CIPHERTEXT)
    assert hpke.open(SUITE, receiver.private, ENC, INFO, AAD, CIPHERTEXT) == PLAINTEXT


@pytest.mark.parametrize(
    ("exporter_context", "wanted"),
    [
        (b"", "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee"),
        (b"\0", "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5"),
        (b"TestContext", "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931"),
    ],
)
def test_exports(exporter_context: bytes, wanted: str) -> None:
    context = hpke.setup_receiver(SUITE, SUITE.derive_key_pair(IKM_R).private, ENC, INFO)
    assert context.export(exporter_context, 32).hex() == wanted


def test_nothing_else_opens() -> None:
    private = SUITE.derive_key_pair(IKM_R).private
    with pytest.raises(DecryptionFailed):
        hpke.open(SUITE, private, ENC, INFO, b"Count-1", CIPHERTEXT)
    with pytest.raises(DecryptionFailed):
        hpke.open(SUITE, private, ENC, b"", AAD, CIPHERTEXT)
    with pytest.raises(BadKey):
        hpke.open(SUITE, private, ENC[:-1], INFO, AAD, CIPHERTEXT)
