"""Paths of the API, and the few kinds that a member asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Object = dict[str, Any]
"""An object of the API as it is on the wire."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind in one place. `namespace` is empty for a kind of the whole cluster."""

    group: str
    version: str
    plural: str
    namespace: str = ""

    def path(self, name: str = "", subresource: str = "") -> str:
        """Of the collection, or of the object `name`. Names are quoted: none leads elsewhere."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [part for part in (name, subresource) if part]
        place = f"/namespaces/{quote(self.namespace, safe='')}" if self.namespace else ""
        return f"{root}{place}/{self.plural}" + "".join(f"/{quote(part, safe='')}" for part in parts)


def endpoint_slices(namespace: str) -> Resource:
    return Resource("discovery.k8s.io", "v1", "endpointslices", namespace)


def certificate_signing_requests() -> Resource:
    return Resource("certificates.k8s.io", "v1", "certificatesigningrequests")


def config_maps(namespace: str) -> Resource:
    return Resource("", "v1", "configmaps", namespace)
