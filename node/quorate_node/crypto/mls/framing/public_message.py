"""Messages that everybody can read (section 6.2): signed, and tagged by a member with a key that only members have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import BadMac, ValidationError
from quorate_node.crypto.mls.framing.authenticated import Auth, AuthenticatedContent, to_be_signed
from quorate_node.crypto.mls.framing.content import ContentType, FramedContent, WireFormat
from quorate_node.crypto.mls.secret import Octets, same
from quorate_node.crypto.mls.suites import Suite


@dataclass(frozen=True, slots=True)
class PublicMessage:
    """`membership_tag`: of a member's message, None for everybody else's."""

    content: FramedContent
    auth: Auth
    membership_tag: bytes | None = None

    @classmethod
    def protect(cls, suite: Suite, authenticated: AuthenticatedContent, membership_key: Octets, group_context: bytes) -> Self:
        """`group_context`: encoded. Raises `ValidationError` for application data, which must be encrypted."""
        cls._check(authenticated)
        tag = _membership_tag(suite, authenticated, membership_key, group_context) if authenticated.content.sender.is_member else None
        return cls(authenticated.content, authenticated.auth, tag)

    def unprotect(self, suite: Suite, membership_key: Octets, group_context: bytes) -> AuthenticatedContent:
        """What was sent; its signature is yet to be verified. Raises `BadMac`, and `ValidationError` for application data."""
        authenticated = self.authenticated()
        if self.content.sender.is_member:
            expected = _membership_tag(suite, authenticated, membership_key, group_context)
            if self.membership_tag is None or not same(expected, self.membership_tag):
                raise BadMac(f"the membership tag of {self.content.sender} does not fit its message")
        return authenticated

    def authenticated(self) -> AuthenticatedContent:
        """What was sent, without a look at the membership tag: for those who are no members. Raises `ValidationError`."""
        authenticated = AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, self.content, self.auth)
        self._check(authenticated)
        return authenticated

    @staticmethod
    def _check(authenticated: AuthenticatedContent) -> None:
        if authenticated.content.content_type is ContentType.APPLICATION:
            raise ValidationError("application data in a public message: it must be encrypted")
        if authenticated.wire_format is not WireFormat.PUBLIC_MESSAGE:
            raise ValidationError("the content was signed to be sent as a private message")

    def write(self, writer: Writer) -> None:
        self.content.write(writer)
        self.auth.write(writer)
        if self.membership_tag is not None:
            writer.vector(self.membership_tag)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        content = FramedContent.read(reader)
        auth = Auth.read(reader, content.content_type)
        return cls(content, auth, reader.vector() if content.sender.is_member else None)


def _membership_tag(suite: Suite, authenticated: AuthenticatedContent, membership_key: Octets, group_context: bytes) -> bytes:
    """The MAC of AuthenticatedContentTBM."""
    writer = Writer()
    writer.opaque(to_be_signed(authenticated.wire_format, authenticated.content, group_context))
    authenticated.auth.write(writer)
    return suite.hmac(membership_key, writer.data())
