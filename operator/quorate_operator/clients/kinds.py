"""Every kind that the operator touches, and where the API server has it."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_operator.api.model import GROUP, KIND, PLURAL, VERSION
from quorate_operator.objects.children import OPTIONAL_KINDS


@dataclass(frozen=True)
class Kind:
    api_version: str
    plural: str
    namespaced: bool = True

    @property
    def root(self) -> str:
        """Of the URL's path: the core group has another one than all the others."""
        return f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """An empty `namespace` means all of them, or a kind that has none."""
        parts = [self.root]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


RESOURCE = KIND
KINDS: dict[str, Kind] = {
    RESOURCE: Kind(f"{GROUP}/{VERSION}", PLURAL),
    "StatefulSet": Kind("apps/v1", "statefulsets"),
    "Pod": Kind("v1", "pods"),
    "PersistentVolumeClaim": Kind("v1", "persistentvolumeclaims"),
    "ConfigMap": Kind("v1", "configmaps"),
    "Service": Kind("v1", "services"),
    "ServiceAccount": Kind("v1", "serviceaccounts"),
    "Secret": Kind("v1", "secrets"),
    "Role": Kind("rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": Kind("rbac.authorization.k8s.io/v1", "rolebindings"),
    "PodDisruptionBudget": Kind("policy/v1", "poddisruptionbudgets"),
    "NetworkPolicy": Kind("networking.k8s.io/v1", "networkpolicies"),
    "EndpointSlice": Kind("discovery.k8s.io/v1", "endpointslices"),
    "PodMonitor": Kind("monitoring.coreos.com/v1", "podmonitors"),
    "Certificate": Kind("cert-manager.io/v1", "certificates"),
    "ResourceClaimTemplate": Kind("resource.k8s.io/v1", "resourceclaimtemplates"),
    "Event": Kind("v1", "events"),
    "Lease": Kind("coordination.k8s.io/v1", "leases"),
    "StorageClass": Kind("storage.k8s.io/v1", "storageclasses", namespaced=False),
    "Node": Kind("v1", "nodes", namespaced=False),
    "PersistentVolume": Kind("v1", "persistentvolumes", namespaced=False),
    "CertificateSigningRequest": Kind("certificates.k8s.io/v1", "certificatesigningrequests", namespaced=False),
    "MutatingWebhookConfiguration": Kind("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", namespaced=False),
    # What the plugin looks at, and the operator never does.
    "Deployment": Kind("apps/v1", "deployments"),
    "ClusterRole": Kind("rbac.authorization.k8s.io/v1", "clusterroles", namespaced=False),
    "CustomResourceDefinition": Kind("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False),
}

CHILDREN = (
    "StatefulSet", "Pod", "PersistentVolumeClaim", "ConfigMap", "Service", "ServiceAccount", "Role", "RoleBinding", "PodDisruptionBudget",
    "NetworkPolicy", "EndpointSlice", "PodMonitor", "Certificate", "ResourceClaimTemplate",
)  # fmt: skip
"""Kinds that are listed for every observation, by the label that all children carry."""
MAY_BE_MISSING = OPTIONAL_KINDS | {"Node", "PersistentVolume"}
"""Kinds that a Kubernetes may not have, or that an operator of one namespace may not read."""
