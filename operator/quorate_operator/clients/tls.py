"""How the operator shows itself to members that speak TLS: with the certificate of the Secret that they have themselves."""

from __future__ import annotations

import base64
import os
import ssl
from dataclasses import dataclass, field

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.clients.errors import Failure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.objects.certificate import tls_secret
from quorate_operator.objects.identity import Identity


class BadSecret(Failure):
    """The Secret that the resource names is missing, or lacks something."""


def context(authorities: str, certificate: str, key: str) -> ssl.SSLContext:
    """From PEM texts; an empty `certificate` shows none. Members are asked by their pods' addresses, which no certificate names: who they
    are is what their CA vouches for.

    Raises `ssl.SSLError` or `ValueError`, without the key's text.
    """
    made = ssl.create_default_context(cadata=authorities)
    made.check_hostname = False
    if not certificate:
        return made
    # The library takes files only; this one is in memory, has no name, and is gone with its descriptor.
    descriptor = os.memfd_create("quorate-certificate")
    try:
        os.write(descriptor, f"{certificate}\n{key}\n".encode())
        made.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return made


@dataclass
class SecretTls:
    """Contexts by Secret and its resourceVersion: a renewed one is taken at the next look."""

    kubernetes: KubernetesApi
    _known: dict[tuple[str, str], tuple[str, ssl.SSLContext]] = field(default_factory=dict)

    async def of(self, spec: ConsensusClusterSpec, identity: Identity) -> ssl.SSLContext | None:
        """None without TLS. Raises `BadSecret`."""
        name = tls_secret(spec, identity)
        if name is None:
            return None
        secret = await self.kubernetes.get("Secret", identity.namespace, name)
        if secret is None:
            raise BadSecret("SecretMissing", f"Secret {identity.namespace}/{name}, which spec.tls asks for, is not there: make it")
        version = secret["metadata"]["resourceVersion"]
        known = self._known.get((identity.namespace, name))
        if known is None or known[0] != version:
            known = version, self._read(identity.namespace, name, secret.get("data") or {})
            self._known[identity.namespace, name] = known
        return known[1]

    @staticmethod
    def _read(namespace: str, name: str, data: dict[str, str]) -> ssl.SSLContext:
        missing = [each for each in ("ca.crt", "tls.crt", "tls.key") if not data.get(each)]
        if missing:
            raise BadSecret("SecretIncomplete", f"Secret {namespace}/{name} lacks {', '.join(missing)}: members need all three of them")
        try:
            return context(*(base64.b64decode(data[each]).decode() for each in ("ca.crt", "tls.crt", "tls.key")))
        except (ssl.SSLError, ValueError) as wrong:
            message = f"Secret {namespace}/{name} holds no usable certificate and key ({type(wrong).__name__}): make it anew"
            raise BadSecret("SecretDamaged", message) from None
