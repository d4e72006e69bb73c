"""What a client leaves behind so that others can add it while it is away (RFC 9420 section 10). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer, encode
from quorate_node.crypto.mls.errors import ValidationError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.group_context import MLS10, read_version
from quorate_node.crypto.mls.labels import ref_hash, sign_with_label, verify_with_label
from quorate_node.crypto.mls.leaf_node import FromKeyPackage, LeafNode
from quorate_node.crypto.mls.secret import Octets
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.suites import Suite, suite_of

_LABEL = "KeyPackageTBS"
_REF_LABEL = "MLS 1.0 KeyPackage Reference"


@dataclass(frozen=True, slots=True)
class KeyPackage:
    """`init_key`: HPKE public key that a Welcome is sealed to, used once; `cipher_suite`: number of the one suite it is good for."""

    cipher_suite: int
    init_key: bytes
    leaf_node: LeafNode
    extensions: tuple[Extension, ...] = ()
    signature: bytes = b""

    def write(self, writer: Writer) -> None:
        self._write_content(writer)
        writer.vector(self.signature)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        read_version(reader)
        return cls(
            cipher_suite=reader.uint16(),
            init_key=reader.vector(),
            leaf_node=LeafNode.read(reader),
            extensions=reader.items(Extension.read),
            signature=reader.vector(),
        )

    def signed(self, suite: Suite, key: Octets | Signer) -> KeyPackage:
        """The same key package with its signature."""
        return replace(self, signature=sign_with_label(suite, key, _LABEL, self._content()))

    def reference(self, suite: Suite) -> bytes:
        """KeyPackageRef: what a Welcome names it by (section 5.2)."""
        return ref_hash(suite, _REF_LABEL, encode(self))

    def validate(self, now_s: int | None) -> Suite:
        """The checks of section 10.1 that need no group; returns the suite.

        `now_s`, seconds since 1970, judges the lifetime; None leaves that to the caller. Raises `UnsupportedError` for another version
        or suite, `BadSignature`, `BadKey`, `ValidationError`.
        """
        suite = suite_of(self.cipher_suite)
        source = self.leaf_node.source
        if not isinstance(source, FromKeyPackage):
            raise ValidationError(f"the leaf of a key package has leaf_node_source {source.code}, not {FromKeyPackage.code}")
        if self.init_key == self.leaf_node.encryption_key:
            raise ValidationError("init_key and encryption_key of the key package are the same key")
        if now_s is not None:
            source.lifetime.check(now_s)
        suite.check_kem_public(self.init_key)
        self.leaf_node.verify(suite)
        verify_with_label(suite, self.leaf_node.signature_key, _LABEL, self._content(), self.signature)
        return suite

    def _content(self) -> bytes:
        writer = Writer()
        self._write_content(writer)
        return writer.data()

    def _write_content(self, writer: Writer) -> None:
        writer.uint16(MLS10)
        writer.uint16(self.cipher_suite)
        writer.vector(self.init_key)
        self.leaf_node.write(writer)
        writer.items(self.extensions)
