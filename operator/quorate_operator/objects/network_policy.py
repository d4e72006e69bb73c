"""The NetworkPolicy: the members' port for members, the API for whom the resource names."""

from __future__ import annotations

from quorate_operator.api.model import GROUP
from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.identity import Identity, Object


def network_policy(spec: ConsensusClusterSpec, identity: Identity) -> Object | None:
    """None when not wanted. The operator and the other members always reach the API: they administer and forward through it.

    In a sidecar's pod the user's own ports stay open: a policy is for whole pods, and only what it names gets through.
    """
    if not spec.network_policy.enabled:
        return None
    members: Object = {"podSelector": {"matchLabels": identity.selector}}
    operator: Object = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": identity.operator_namespace}}}
    # Members that never vote are members too: they are dialled by the leader, and dial whoever leads.
    injected: Object = {"podSelector": {"matchLabels": {f"{GROUP}/inject": identity.name}}}
    members_all = [members, injected] if spec.injection.enabled else [members]
    named = [dict(peer) for peer in spec.network_policy.clients]
    api: Object = {"ports": [{"port": "api", "protocol": "TCP"}]}
    if named:
        api["from"] = [*named, *members_all, operator]
    ingress = [{"ports": [{"port": "peer", "protocol": "TCP"}], "from": members_all}, api, *_own_ports(spec)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": identity.metadata(identity.name),
        "spec": {"podSelector": {"matchLabels": identity.selector}, "policyTypes": ["Ingress"], "ingress": ingress},
    }


def _own_ports(spec: ConsensusClusterSpec) -> list[Object]:
    if spec.sidecar is None:
        return []
    ports = [
        {"port": port["containerPort"], "protocol": port.get("protocol", "TCP")}
        for container in spec.sidecar.template.spec.get("containers", [])
        for port in container.get("ports", [])
    ]
    return [{"ports": ports}] if ports else []
