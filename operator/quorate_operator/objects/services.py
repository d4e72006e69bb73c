"""Services: the members' own, the clients', and the leader's."""

from __future__ import annotations

from quorate_operator.api.exposure import ServiceTemplate
from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.identity import API_PORT, PEER_PORT, Identity, Object


def _port(name: str, number: int) -> Object:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}


def members_service(identity: Identity) -> Object:
    """Headless. Not-ready addresses are published: members must find each other before any can be ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": identity.metadata(identity.members_service),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": identity.selector,
            "ports": [_port("api", API_PORT), _port("peer", PEER_PORT)],
        },
    }


def client_service(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    """Any ready member: each serves every request, or forwards it to the leader."""
    template = spec.services.client
    return _service(template, identity, identity.name, identity.selector)


def leader_service(spec: ConsensusClusterSpec, identity: Identity) -> Object | None:
    """Without a selector: its EndpointSlice is written by the leader itself, with the operator gone too. None when not asked for."""
    template = spec.services.leader
    return _service(template, identity, identity.leader_service, None) if template.enabled else None


LEADER_SLICE_MANAGER = "leader.quorate.io"
"""Of `endpointslice.kubernetes.io/managed-by`: no controller of Kubernetes' own takes it for one of its slices."""


def leader_slice(spec: ConsensusClusterSpec, identity: Identity) -> Object | None:
    """Made empty, once: what is in it is the leader's, so nothing of it is applied here, and no drift of it is seen or repaired."""
    if not spec.services.leader.enabled:
        return None
    labels = {"kubernetes.io/service-name": identity.leader_service, "endpointslice.kubernetes.io/managed-by": LEADER_SLICE_MANAGER}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": identity.metadata(identity.leader_service, labels=labels),
        "addressType": identity.address_type,
    }


def _service(template: ServiceTemplate, identity: Identity, name: str, selector: dict[str, str] | None) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": identity.metadata(name, labels=template.labels, annotations=template.annotations),
        "spec": {
            "type": template.type,
            "ports": [_port("api", API_PORT)],
            **({"selector": selector} if selector else {}),
        },
    }
