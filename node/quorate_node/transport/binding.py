"""Which member a certificate speaks for: a URI `quorate://<cluster id>/<member id>` or a DNS name `member-<member id>.<cluster id>`.

Cluster and member ids are decimal. A certificate with names of two members is refused: it would let one impersonate the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quorate_node.transport.errors import HandshakeRefused

Certificate = Mapping[str, Any]
"""As `ssl.SSLSocket.getpeercert()` gives it."""

_URI = re.compile(r"quorate://(\d{1,19})/(\d{1,19})")
_DNS = re.compile(r"member-(\d{1,19})\.(\d{1,19})")


def bound_members(certificate: Certificate) -> set[tuple[int, int]]:
    """(cluster id, member id) of every name of that form among the subject alternative names."""
    found: set[tuple[int, int]] = set()
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == "URI" and (match := _URI.fullmatch(name)):
            found.add((int(match[1]), int(match[2])))
        elif kind == "DNS" and (match := _DNS.fullmatch(name)):
            found.add((int(match[2]), int(match[1])))
    return found


def judge_certificate(certificate: Certificate | None, cluster_id: int, member_id: int, *, required: bool) -> None:
    """Raises `HandshakeRefused` when the certificate names another member, two members, or none although it is `required`."""
    bound = bound_members(certificate) if certificate else set()
    if len(bound) > 1:
        names = ", ".join(f"{member} of cluster {cluster}" for cluster, member in sorted(bound))
        raise HandshakeRefused(f"the certificate names several members ({names}): issue one for each")
    if not bound:
        if required:
            raise HandshakeRefused(f"the certificate names no member: add the URI quorate://{cluster_id}/{member_id}")
        return
    if bound != {(cluster_id, member_id)}:
        ((cluster, member),) = bound
        raise HandshakeRefused(f"the certificate is of member {member} of cluster {cluster}, not member {member_id} of {cluster_id}")
