"""What a member has of Kubernetes: its way to the API server, discovery, and the leader's EndpointSlice. Consensus waits for none of it."""

from __future__ import annotations

import logging
import os

from aiohttp.abc import AbstractResolver

from quorate_node.config.model import NodeConfig, peer_port
from quorate_node.discovery.dns import DnsDiscovery
from quorate_node.discovery.interface import Discovery
from quorate_node.discovery.kubernetes import SERVICE_LABEL, KubernetesDiscovery, SliceResolver
from quorate_node.discovery.static import StaticDiscovery
from quorate_node.kubernetes.client import ApiClient
from quorate_node.kubernetes.credentials import Surroundings
from quorate_node.kubernetes.errors import NotInKubernetes
from quorate_node.kubernetes.following import follow
from quorate_node.kubernetes.leader_slice import LeaderSlice, Place, Reign
from quorate_node.kubernetes.resources import endpoint_slices
from quorate_node.replica.replica import Replica
from quorate_node.replica.service import ReplicaService

log = logging.getLogger(__name__)

API_PORT_NAME = "api"


def api_client(config: NodeConfig) -> ApiClient | None:
    """None where nothing of Kubernetes is asked for, and where it is and this process has no ServiceAccount, which is said."""
    if config.discovery.kind != "kubernetes" and not config.kubernetes.leader_slice:
        return None
    try:
        return ApiClient(Surroundings.of_pod(os.environ, config.kubernetes.service_account_dir))
    except NotInKubernetes as failure:
        log.error("this member goes on without the Kubernetes API: %s", failure)
        return None


def dns_discovery(config: NodeConfig) -> DnsDiscovery:
    section = config.discovery
    port = section.dns_port or peer_port(config.listen)
    scheme = "https" if config.tls.enabled else "http"
    return DnsDiscovery(section.dns_name, port, scheme=scheme, interval_s=section.interval_ms / 1000)


def kubernetes_discovery(config: NodeConfig, client: ApiClient) -> KubernetesDiscovery:
    section = config.discovery
    selector = f"{SERVICE_LABEL}={section.kubernetes_service}"
    return KubernetesDiscovery(
        lambda: follow(client, endpoint_slices(client.namespace), label_selector=selector),
        dns_discovery(config),
        section.dns_name,
        section.dns_port or peer_port(config.listen),
        scheme="https" if config.tls.enabled else "http",
        interval_s=section.interval_ms / 1000,
    )


def discovery_of(config: NodeConfig, client: ApiClient | None) -> tuple[Discovery, AbstractResolver | None]:
    """And what finds the addresses of peer URLs, when that is not the system's resolver."""
    if config.discovery.kind == "static":
        return StaticDiscovery(config.discovery.peers), None
    if config.discovery.kind == "dns" or client is None:
        return dns_discovery(config), None
    found = kubernetes_discovery(config, client)
    return found, SliceResolver(found)


class Pod:
    """`start` after the replica, `close` before it."""

    def __init__(self, config: NodeConfig, client: ApiClient, discovery: KubernetesDiscovery | None) -> None:
        self._config = config
        self._client = client
        self._discovery = discovery
        self._leader_slice: LeaderSlice | None = None

    def start_discovery(self) -> None:
        if self._discovery is not None:
            self._discovery.start()

    def start(self, replica: Replica, service: ReplicaService) -> None:
        section = self._config.kubernetes
        if not section.leader_slice:
            return
        place = Place(section.leader_slice, self._config.member.name, section.pod_address, API_PORT_NAME, self._config.listen.port)

        def reign() -> Reign | None:
            return Reign(service.cluster_id, service.status().term) if service.is_leader() else None

        self._leader_slice = LeaderSlice(self._client, place, reign)
        self._leader_slice.start()
        replica.leader_changed = self._leader_slice.wake

    async def close(self) -> None:
        if self._leader_slice is not None:
            await self._leader_slice.close()
        if self._discovery is not None:
            await self._discovery.close()
        await self._client.close()
