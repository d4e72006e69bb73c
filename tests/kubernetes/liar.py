"""CertificateSigningRequests that say what their askers are not, made with the tokens of pods."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.kubectl import Document, Kubectl, eventually
from tests.kubernetes.target import Target

CSR = "certificatesigningrequests"
USAGES = ["digital signature", "server auth", "client auth"]
LIARS = "liar-"
"""What the names of all of them begin with."""


@dataclass(frozen=True)
class Liar:
    """Makes requests with the token of a pod."""

    target: Target
    folder: Path

    def kubectl(self, namespace: str, account: str, pod: Document) -> Kubectl:
        """As that pod's ServiceAccount, with a token that is bound to the pod; without the tests' own certificate."""
        uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={name}", f"--bound-object-uid={uid}")
        token = self.target.kubectl("create", "token", account, "-n", namespace, *bound).strip()
        config = json.loads(self.target.kubectl("config", "view", "--raw", "-o", "json"))
        config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(json.dumps(config))
        return Kubectl("kubectl", path)

    def outcome(self, kubectl: Kubectl, names: list[str], common_name: str, uris: tuple[str, ...] = (), **spec: Any) -> tuple[str, str]:
        """(condition's type, reason) of what came of the request."""
        made = json.loads(kubectl("create", "-o", "json", "-f", "-", text=json.dumps(request(names, common_name, uris, **spec))))
        name, found = made["metadata"]["name"], ("", "")

        def missing() -> str:
            nonlocal found
            item = self.target.kubectl.get(CSR, name)
            status = item.get("status", {})
            ended = [(each["type"], each["reason"]) for each in status.get("conditions", []) if each["type"] in ("Denied", "Failed")]
            found = ended[0] if ended else ("Issued", "") if status.get("certificate") else found
            return "" if found[0] else f"{name} has no answer: {status}"

        eventually(f"{name} is answered", missing, 60)
        return found


def request(names: list[str], common_name: str, uris: tuple[str, ...] = (), **spec: Any) -> Document:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    every: list[x509.GeneralName] = [*map(x509.DNSName, names), *map(x509.UniformResourceIdentifier, uris)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName(every), critical=False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), SHA256())
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": LIARS, "labels": {"quorate.io/cluster": "any"}},
        "spec": {
            "request": base64.b64encode(signed.public_bytes(Encoding.PEM)).decode(),
            "signerName": "quorate.io/member",
            "usages": USAGES,
            **spec,
        },
    }


def hosts(cluster: ConsensusCluster, pod: str) -> list[str]:
    bases = [f"{pod}.{cluster.name}-members.{cluster.namespace}", f"{cluster.name}.{cluster.namespace}"]
    bases.append(f"{cluster.name}-leader.{cluster.namespace}")
    return [f"{base}.svc{domain}" for base in bases for domain in ("", ".cluster.local")]
