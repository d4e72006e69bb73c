"""The key schedule (section 8): from one epoch's init secret, a commit's and the pre-shared keys' to all secrets of the next epoch."""

from __future__ import annotations

from dataclasses import dataclass, fields

from quorate_node.crypto.mls import hpke
from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.kem import KemKeyPair
from quorate_node.crypto.mls.labels import derive_secret, expand_with_label
from quorate_node.crypto.mls.secret import Octets, Secret, erase_all
from quorate_node.crypto.mls.suites import Suite

EXPORT_BYTES_MAX = 255 * 32
"""The longest secret that one export gives, in every suite: HKDF expands to 255 times the hash."""

_EXTERNAL_INIT = b"MLS 1.0 external init secret"


@dataclass(frozen=True, slots=True)
class EpochSecrets:
    """Table 4 of section 8, `hash_bytes` each. The encryption secret is the secret tree's to consume."""

    sender_data_secret: Secret
    encryption_secret: Secret
    exporter_secret: Secret
    external_secret: Secret
    confirmation_key: Secret
    membership_key: Secret
    resumption_psk: Secret
    epoch_authenticator: Secret
    init_secret: Secret

    @classmethod
    def derive(cls, suite: Suite, epoch_secret: Octets) -> EpochSecrets:
        """All secrets of an epoch; the caller erases `epoch_secret`."""
        labels = ("sender data", "encryption", "exporter", "external", "confirm", "membership", "resumption", "authentication", "init")
        return cls(*(Secret(derive_secret(suite, epoch_secret, label)) for label in labels))

    def erase(self) -> None:
        """Overwrite all of them."""
        erase_all(getattr(self, field.name) for field in fields(self))


def joiner_secret(suite: Suite, init_secret: Octets, commit_secret: Octets, group_context: bytes) -> Secret:
    """What opens the epoch of `group_context` (encoded) to new members, together with the PSKs. Zeros for a commit without a path."""
    return Secret(expand_with_label(suite, suite.extract(init_secret, commit_secret), "joiner", group_context, suite.hash_bytes))


def member_secret(suite: Suite, joiner: Octets, psk_secret: Octets) -> Secret:
    """The joiner secret with the PSKs mixed in: the welcome secret and the epoch secret follow from it."""
    return Secret(suite.extract(joiner, psk_secret))


def welcome_secret(suite: Suite, member: Octets) -> Secret:
    """What the GroupInfo of a Welcome is sealed with."""
    return Secret(derive_secret(suite, member, "welcome"))


def welcome_key(suite: Suite, welcome: Octets) -> tuple[bytes, bytes]:
    """(key, nonce) that a welcome secret stands for (section 12.4.3.1)."""
    return (
        expand_with_label(suite, welcome, "key", b"", suite.key_bytes),
        expand_with_label(suite, welcome, "nonce", b"", suite.nonce_bytes),
    )


def epoch_secret(suite: Suite, member: Octets, group_context: bytes) -> Secret:
    """The root of an epoch's secrets. `group_context`: encoded, that of the same epoch."""
    return Secret(expand_with_label(suite, member, "epoch", group_context, suite.hash_bytes))


def epoch_secrets(suite: Suite, member: Octets, group_context: bytes) -> EpochSecrets:
    """All secrets of the epoch of `group_context` (encoded)."""
    root = epoch_secret(suite, member, group_context)
    try:
        return EpochSecrets.derive(suite, root.buffer())
    finally:
        root.erase()


def export(suite: Suite, exporter_secret: Octets, label: str, context: bytes, length: int) -> bytes:
    """MLS-Exporter (section 8.5): `length` bytes, at most `EXPORT_BYTES_MAX`, for one purpose of the application's."""
    if not 0 < length <= EXPORT_BYTES_MAX:
        raise ValueError(f"an exported secret has 1 to {EXPORT_BYTES_MAX} bytes, not {length}")
    return expand_with_label(suite, derive_secret(suite, exporter_secret, label), "exported", suite.hash(context), length)


def confirmation_tag(suite: Suite, confirmation_key: Octets, confirmed_transcript_hash: bytes) -> bytes:
    """The proof that its maker has the epoch's secrets (section 6.1)."""
    return suite.hmac(confirmation_key, confirmed_transcript_hash)


def external_key_pair(suite: Suite, external_secret: Octets) -> KemKeyPair:
    """To whose public half somebody outside encapsulates the init secret of an external commit (section 8.3)."""
    return suite.derive_key_pair(external_secret)


def external_init_send(suite: Suite, external_pub: bytes, entropy: Entropy) -> tuple[bytes, Secret]:
    """(kem_output, init_secret) of one who comes by an external commit (section 8.3). Raises `BadKey`."""
    kem_output, context = hpke.setup_sender(suite, external_pub, b"", entropy)
    return kem_output, Secret(context.export(_EXTERNAL_INIT, suite.hash_bytes))


def external_init_receive(suite: Suite, external_secret: Octets, kem_output: bytes) -> Secret:
    """The init secret that an external commit brings, as the members find it. Raises `BadKey`."""
    pair = external_key_pair(suite, external_secret)
    context = hpke.setup_receiver(suite, pair.private, kem_output, b"", pair.public)
    return Secret(context.export(_EXTERNAL_INIT, suite.hash_bytes))
