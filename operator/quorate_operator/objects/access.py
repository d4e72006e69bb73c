"""The members' ServiceAccount, and what it may do: the chart's ClusterRole, bound in the cluster's namespace, and one EndpointSlice."""

from __future__ import annotations

from collections.abc import Iterable

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
    return _first_named((template.spec for template in templates), identity.name)


def _first_named(pods: Iterable[Object], default: str) -> str:
    named = (pod.get("serviceAccountName") for pod in pods)
    return next((name for name in named if isinstance(name, str) and name), default)


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


def user_of(namespace: str, account: str) -> str:
    """The user that the API server takes a pod of this ServiceAccount for."""
    return f"{ACCOUNT_PREFIX}{namespace}:{account}"


def members_user(spec: ConsensusClusterSpec, identity: Identity) -> str:
    """The user that the API server takes this cluster's members for. Clusters of one namespace may share one."""
    return user_of(identity.namespace, pods_account(spec, identity))


def members_user_of(resource: Object) -> str:
    """The same, of a resource as the API server shows it: of each in a list it would take too long to validate all the rest."""
    spec = resource.get("spec") or {}
    pods = (_object(_object(template).get("spec")) for template in (spec.get("podTemplate"), _object(spec.get("sidecar")).get("template")))
    return user_of(resource["metadata"]["namespace"], _first_named(pods, resource["metadata"]["name"]))


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else {}
