"""Whether a leaf may be in a group (RFC 9420 section 7.3). What its credential proves is the application's to check. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quorate_node.crypto.mls.capabilities import DEFAULT_EXTENSIONS, RequiredCapabilities
from quorate_node.crypto.mls.codec import decode
from quorate_node.crypto.mls.extension import Extension, ExtensionType, check_distinct, find_extension
from quorate_node.crypto.mls.leaf_node import FromKeyPackage, LeafNode
from quorate_node.crypto.mls.suites import Suite


@dataclass(frozen=True, slots=True)
class LeafRules:
    """What a group asks of every leaf: the suite's keys, its required capabilities, and support for its own extensions.

    `extension_types`: types of the group context's extensions that are not default ones.
    """

    suite: Suite
    required: RequiredCapabilities
    extension_types: tuple[int, ...]

    @classmethod
    def of_group(cls, suite: Suite, extensions: Iterable[Extension]) -> LeafRules:
        """The rules that the extensions of a GroupContext make. Raises `CodecError` for a malformed required_capabilities."""
        found = tuple(extensions)
        data = find_extension(found, ExtensionType.REQUIRED_CAPABILITIES)
        required = RequiredCapabilities() if data is None else decode(RequiredCapabilities, data)
        types = tuple(extension.extension_type for extension in found if extension.extension_type not in DEFAULT_EXTENSIONS)
        return cls(suite, required, types)

    def check(self, leaf: LeafNode, now_s: int | None = None) -> None:
        """Everything of section 7.3 that one leaf shows by itself, but for its signature.

        `now_s` (seconds since 1970) judges the lifetime of a leaf that came in a key package; None leaves that out, as for a leaf that
        has been a member for long. Raises `UnsupportedError`, `BadKey`, `ValidationError`.
        """
        self.suite.check_kem_public(leaf.encryption_key)
        self.suite.check_signature_public(leaf.signature_key)
        capabilities = leaf.capabilities
        capabilities.check_credential(leaf.credential.credential_type)
        check_distinct(leaf.extensions)
        for extension in leaf.extensions:
            capabilities.check_extension(extension.extension_type)
        for extension_type in self.extension_types:
            capabilities.check_extension(extension_type)
        self.required.check(capabilities)
        if now_s is not None and isinstance(leaf.source, FromKeyPackage):
            leaf.source.lifetime.check(now_s)
