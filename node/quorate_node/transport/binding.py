"""Which member a certificate speaks for: a URI `quorate://<cluster id>/<member id>` or a DNS name `member-<member id>.<cluster id>`.

Cluster and member ids are decimal. A certificate with names of two members is refused: it would let one impersonate the other.

A URI `quorate://non-voting`, or `quorate://non-voting/<cluster id>/<member id>`, says that whoever holds the certificate never votes,
whatever it asks for: who signs it decides that, and not the member (`transport.restricted`). A release that does not know the mark reads
no member in it, and lets nobody in by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quorate_node.transport.errors import HandshakeRefused

Certificate = Mapping[str, Any]
"""As `ssl.SSLSocket.getpeercert()` gives it."""

NON_VOTING = "quorate://non-voting"
_URI = re.compile(rf"(?:quorate://|{NON_VOTING}/)(\d{{1,19}})/(\d{{1,19}})")
_DNS = re.compile(r"member-(\d{1,19})\.(\d{1,19})")


def member_uri(cluster_id: int, member_id: int, *, non_voting: bool = False) -> str:
    return f"{NON_VOTING if non_voting else 'quorate:/'}/{cluster_id}/{member_id}"


def names_member(name: str) -> bool:
    """Whether this URI says which member a certificate is of."""
    return _URI.fullmatch(name) is not None


def is_for_non_voting(certificate: Certificate | None) -> bool:
    """Whether who holds it never votes. Beside other names too: of two things that a certificate says the lesser counts."""
    names = certificate.get("subjectAltName", ()) if certificate else ()
    return any(kind == "URI" and (name == NON_VOTING or name.startswith(f"{NON_VOTING}/")) for kind, name in names)


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
