"""Key packages with the private keys behind them: what a client keeps until somebody adds it (section 10)."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_node.crypto.mls.capabilities import Capabilities, Lifetime
from quorate_node.crypto.mls.credential import Credential
from quorate_node.crypto.mls.entropy import Entropy, draw
from quorate_node.crypto.mls.errors import BadKey
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.leaf_node import FromKeyPackage, LeafNode
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite


@dataclass(frozen=True, slots=True)
class OwnKeyPackage:
    """`init_private` opens one Welcome and is erased then; `leaf_private`: the leaf's first encryption key; `signer`: signs for it."""

    package: KeyPackage
    init_private: Secret
    leaf_private: Secret
    signer: Signer

    def check(self, suite: Suite) -> None:
        """The private keys are those of the package. Raises `BadKey`."""
        leaf = self.package.leaf_node
        pairs = (
            ("init_key", self.package.init_key, suite.kem_public(self.init_private.buffer())),
            ("encryption_key", leaf.encryption_key, suite.kem_public(self.leaf_private.buffer())),
            ("signature_key", leaf.signature_key, self.signer.public),
        )
        for name, shown, derived in pairs:
            if shown != derived:
                raise BadKey(f"the private key at hand is not that of the key package's {name}")

    def erase(self) -> None:
        """Overwrite both encryption keys: the package was used, or its lifetime is over."""
        self.init_private.erase()
        self.leaf_private.erase()


def make_key_package(
    suite: Suite,
    credential: Credential,
    capabilities: Capabilities,
    lifetime: Lifetime,
    signer: Signer,
    entropy: Entropy,
    leaf_extensions: tuple[Extension, ...] = (),
    extensions: tuple[Extension, ...] = (),
) -> OwnKeyPackage:
    """A fresh key package for one use. `lifetime` in seconds since 1970; asks `entropy` twice for `hash_bytes`."""
    init = suite.derive_key_pair(draw(entropy, suite.hash_bytes))
    leaf = suite.derive_key_pair(draw(entropy, suite.hash_bytes))
    leaf_node = LeafNode(leaf.public, signer.public, credential, capabilities, FromKeyPackage(lifetime), leaf_extensions)
    package = KeyPackage(suite.number, init.public, leaf_node.signed(suite, signer), extensions).signed(suite, signer)
    return OwnKeyPackage(package, Secret(init.private), Secret(leaf.private), signer)
