"""All children that depend on the spec alone, in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Sequence

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.access import leader_role, leader_role_binding, role_binding, service_account
from quorate_operator.objects.certificate import certificate, trust_bundle
from quorate_operator.objects.claims import gpu_claim_template
from quorate_operator.objects.disruption import disruption_budget
from quorate_operator.objects.identity import Identity, Object
from quorate_operator.objects.monitoring import pod_monitor
from quorate_operator.objects.network_policy import network_policy
from quorate_operator.objects.node_settings import settings_map
from quorate_operator.objects.services import client_service, leader_service, leader_slice, members_service

Key = tuple[str, str]
"""Kind and name: all are in the cluster's namespace."""
OPTIONAL_KINDS = frozenset({"Certificate", "PodMonitor", "ResourceClaimTemplate"})
"""Kinds that a Kubernetes may not have."""


def key(item: Object) -> Key:
    return item["kind"], item["metadata"]["name"]


def wanted_children(
    spec: ConsensusClusterSpec, identity: Identity, *, budget_closed: bool = False, authorities: Sequence[str] = ()
) -> list[Object]:
    """What must be there before the StatefulSet. What pods refer to comes first; the policy comes before any pod could listen.

    `authorities`: certificates (PEM) of the operator's own CA, the signing one first.
    """
    found = [
        service_account(identity),
        role_binding(spec, identity),
        leader_role(spec, identity),
        leader_role_binding(spec, identity),
        settings_map(spec, identity),
        certificate(spec, identity),
        trust_bundle(identity, authorities) if authorities else None,
        gpu_claim_template(spec, identity),
        network_policy(spec, identity),
        members_service(identity),
        client_service(spec, identity),
        leader_service(spec, identity),
        leader_slice(spec, identity),
        disruption_budget(spec, identity, closed=budget_closed),
        pod_monitor(spec, identity),
    ]
    return [item for item in found if item is not None]


def unwanted_children(spec: ConsensusClusterSpec, identity: Identity) -> list[Key]:
    """Children that the spec may ask for and does not: deleted where they are ours and there."""
    possible = [
        ("NetworkPolicy", identity.name),
        ("Service", identity.leader_service),
        ("EndpointSlice", identity.leader_service),
        ("RoleBinding", identity.leader_service),
        ("Role", identity.leader_service),
        ("PodDisruptionBudget", identity.name),
        ("PodMonitor", identity.name),
        ("Certificate", identity.certificate_secret),
        ("ResourceClaimTemplate", identity.gpu_claim_template),
    ]
    wanted = {key(item) for item in wanted_children(spec, identity)}
    return [each for each in possible if each not in wanted]
