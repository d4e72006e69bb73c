"""The members' ServiceAccount, and what it may do: the chart's ClusterRole, bound in the cluster's namespace, and one EndpointSlice."""

from __future__ import annotations

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.identity import Identity, Object

RBAC = "rbac.authorization.k8s.io/v1"
MEMBER_ROLE = "quorate-member"
"""ClusterRole of the chart. The operator may `bind` it and no other, and never `escalate`."""


def service_account(identity: Identity) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": identity.metadata(identity.name),
        "automountServiceAccountToken": False,
    }


def pods_account(spec: ConsensusClusterSpec, identity: Identity) -> str:
    """Name of the ServiceAccount that the members' pods run as: ours, unless the user's own pod names another."""
    templates = [spec.pod_template] if spec.sidecar is None else [spec.pod_template, spec.sidecar.template]
    named = (template.spec.get("serviceAccountName") for template in templates)
    return next((name for name in named if isinstance(name, str) and name), identity.name)


def role_binding(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    return _binding(spec, identity, identity.name, "ClusterRole", MEMBER_ROLE)


def leader_role(spec: ConsensusClusterSpec, identity: Identity) -> Object | None:
    """The one EndpointSlice that the leader writes itself, by name. None without a Service for the leader.

    It watches that one too (`list` and `watch` by name are for a field selector on the name), whatever the ClusterRole allows.
    """
    if not spec.services.leader.enabled:
        return None
    rule = {
        "apiGroups": ["discovery.k8s.io"],
        "resources": ["endpointslices"],
        "resourceNames": [identity.leader_service],
        "verbs": ["get", "list", "watch", "patch"],
    }
    return {
        "apiVersion": RBAC,
        "kind": "Role",
        "metadata": identity.metadata(identity.leader_service),
        "rules": [rule],
    }


def leader_role_binding(spec: ConsensusClusterSpec, identity: Identity) -> Object | None:
    return _binding(spec, identity, identity.leader_service, "Role", identity.leader_service) if spec.services.leader.enabled else None


def _binding(spec: ConsensusClusterSpec, identity: Identity, name: str, kind: str, role: str) -> Object:
    return {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": identity.metadata(name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": pods_account(spec, identity), "namespace": identity.namespace}],
    }


ACCOUNT_PREFIX = "system:serviceaccount:"


def account(identity: Identity) -> str:
    """The user that the API server takes a member for."""
    return f"{ACCOUNT_PREFIX}{identity.namespace}:{identity.name}"
