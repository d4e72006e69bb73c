"""The members' ServiceAccount, and what it may do: the chart's ClusterRole, bound in the cluster's namespace."""

from __future__ import annotations

from quorate_operator.objects.identity import Identity, Object

MEMBER_ROLE = "quorate-member"
"""ClusterRole of the chart. The operator may `bind` it and no other, and never `escalate`."""


def service_account(identity: Identity) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": identity.metadata(identity.name),
        "automountServiceAccountToken": False,
    }


def role_binding(identity: Identity) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": identity.metadata(identity.name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": MEMBER_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": identity.name, "namespace": identity.namespace}],
    }
