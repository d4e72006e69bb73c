"""Where a member's certificate comes from, by mode: a given Secret, one that cert-manager fills, or the operator's own issuer."""

from __future__ import annotations

from collections.abc import Sequence

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.identity import Identity, Object


def tls_secret(spec: ConsensusClusterSpec, identity: Identity) -> str | None:
    """Name of the Secret with `tls.crt`, `tls.key` and `ca.crt`; None without TLS."""
    if spec.tls.mode == "Secret":
        return spec.tls.secret_name
    return identity.certificate_secret if spec.tls.mode == "CertManager" else None


AUTHORITY_KEY = "ca.crt"


def host_names(identity: Identity, member: str = "*") -> list[str]:
    """All names under which members and their Services are reached; `member`: a pod's name, for a certificate that is its own."""
    bases = [f"{identity.name}.{identity.namespace}", f"{identity.leader_service}.{identity.namespace}"]
    bases.append(f"{member}.{identity.members_service}.{identity.namespace}")
    return [f"{base}.svc{domain}" for base in bases for domain in ("", ".cluster.local")]


NON_VOTING = "quorate://non-voting"
"""The mark of a certificate whose holder never votes: with it the cluster's members refuse it as anything else (docs/pods.md)."""
INJECTED_HOSTS = ("localhost",)
"""Under which the containers beside it reach an injected member; other members know one another by their ids."""


def certificate(spec: ConsensusClusterSpec, identity: Identity) -> Object | None:
    """A Certificate of cert-manager (cert-manager.io/v1); None when TLS comes from elsewhere."""
    issuer = spec.tls.issuer
    if spec.tls.mode != "CertManager" or issuer is None:
        return None
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": identity.metadata(identity.certificate_secret),
        "spec": {
            "secretName": identity.certificate_secret,
            "dnsNames": host_names(identity),
            "usages": ["digital signature", "key encipherment", "server auth", "client auth"],
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            "issuerRef": {"name": issuer.name, "kind": issuer.kind, "group": issuer.group},
        },
    }


def trust_bundle(identity: Identity, certificates: Sequence[str]) -> Object:
    """The CA certificates (PEM) that members and clients trust. The first one signs: a member whose certificate is another's renews."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": identity.metadata(identity.trust_bundle),
        "data": {AUTHORITY_KEY: "".join(f"{certificate.strip()}\n" for certificate in certificates)},
    }
