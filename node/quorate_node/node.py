"""All the rooms of one node put together: stores, machine, replica, transport, discovery, API."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import SystemRandom

from aiohttp import web

from quorate_node.api.hand_over_socket import HandOverSocket
from quorate_node.api.http.app import ApiServer
from quorate_node.config.model import NodeConfig, peer_port
from quorate_node.discovery.interface import DiscoveryFailure
from quorate_node.discovery.kubernetes import KubernetesDiscovery
from quorate_node.identity.keeper import CertificateKeeper
from quorate_node.identity.report import CertificateReporter
from quorate_node.kubernetes.client import ApiClient
from quorate_node.kubernetes.credentials import Surroundings
from quorate_node.machine.application.host import ApplicationHost
from quorate_node.machine.application.log_reader import LogCommandReader
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.pod import Pod, api_client, discovery_of
from quorate_node.replica.member import Environment
from quorate_node.replica.metrics import publish, publish_transport
from quorate_node.replica.replica import Replica
from quorate_node.replica.service_face import ServiceFace
from quorate_node.replica.storage import Storage
from quorate_node.store import open_store
from quorate_node.store.interface import StateStore
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.listener import GuardedSite, ListenerSettings
from quorate_node.transport.tls import ClientAuthentication, PeerTls, ServerTls
from quorate_node.transport.tls_files import TlsFiles
from quorate_node.transport.websocket import WebSocketTransport

logger = logging.getLogger(__name__)


def boot_time_ms() -> int:
    """Monotonic and running while the machine is suspended: a lease must not outlive a nap (DESIGN decision 14)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Node:
    """`start`, wait for `replica.stopped`, `stop`."""

    def __init__(
        self,
        config: NodeConfig,
        telemetry: Telemetry,
        discard_damaged_from: int | None = None,
        certificates: CertificateKeeper | None = None,
    ) -> None:
        """Opens the data directory. `certificates`: `certificate_keeper`, ready, where the member asks for its certificate itself.

        Raises `StoreError`, `TlsError`, `OSError`.
        """
        self._config = config
        self._telemetry = telemetry
        self._peer_tls, self._client_tls = _tls(config)
        stores = open_store(config.member.data_dir, config.store)
        self._application: ApplicationHost | None = None
        if config.application.machine:
            reader = LogCommandReader(lambda: stores.log, lambda: stores.state)
            given = config.application
            settings = ApplicationSettings(
                given.machine, command_timeout_s=given.command_timeout_ms / 1000, state_timeout_s=given.state_timeout_ms / 1000
            )
            self._application = ApplicationHost(settings, config.member.data_dir / "application", reader)
        self._storage = Storage(stores, self._open_machine, config.member.witness, config.member.name, self._application)
        client = api_client(config)
        self._discovery, resolver = discovery_of(config, client)
        found_by_kubernetes = self._discovery if isinstance(self._discovery, KubernetesDiscovery) else None
        self._pod = Pod(config, client, found_by_kubernetes) if client is not None else None
        self._transport = WebSocketTransport(config.transport, tls=self._peer_tls, resolver=resolver)
        token = config.bootstrap.token.get_secret_value()
        environment = Environment(boot_time_ms, SystemRandom())
        self.replica = Replica(
            config.replica,
            config.raft_config,
            self._storage,
            self._transport,
            environment,
            telemetry,
            self._peers,
            token,
            may_bootstrap=bool(token),
            discard_damaged_from=discard_damaged_from,
        )
        self.service = ServiceFace(self.replica, config.replica, self._storage, environment)
        publish(telemetry, self.replica, self._storage, self.service)
        publish_transport(telemetry, self._transport)
        self._api = ApiServer(self.service, config.api, telemetry, config.tls.administrators, _reporter(config, certificates))
        self._certificates = certificates
        self._renewing: asyncio.Task[None] | None = None
        self._peer_runner: web.AppRunner | None = None
        path = config.listen.hand_over_socket
        self._hand_over = HandOverSocket(Path(path), self.service.hand_over) if path else None

    def _open_machine(self, state: StateStore, cluster_id: int) -> KeyValueMachine:
        return KeyValueMachine.open(state, self._config.machine, cluster_id=cluster_id, application=self._application)

    async def _peers(self) -> Sequence[str]:
        try:
            return await self._discovery.peers()
        except DiscoveryFailure as failure:
            logger.warning("%s", failure)
            return []

    def _member_identity(self) -> tuple[int, int]:
        return self.service.cluster_id, self.replica.member_id

    async def start(self) -> None:
        """Peers first, so that they are answered; the API answers from the first moment too, if only that it is not ready."""
        listen = self._config.listen
        app = web.Application()
        self._transport.attach(app)
        self._peer_runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._peer_runner.setup()
        peer_context = self._peer_tls.server_context() if self._peer_tls is not None else None
        port = peer_port(listen)
        await GuardedSite(self._peer_runner, listen.host, port, settings=ListenerSettings(), ssl_context=peer_context).start()
        await self._api.start()
        if self._certificates is not None:
            self._renewing = asyncio.create_task(self._certificates.run(self._member_identity), name="quorate-certificate")
        if self._pod is not None:
            self._pod.start_discovery()
            self._pod.start(self.replica, self.service)
        await self.replica.start()
        client_context = self._client_tls.server_context() if self._client_tls is not None else None
        await self._api.listen(listen.host, listen.port, client_context)
        if self._hand_over is not None:
            await self._hand_over.start()
        logger.info("clients at %s, members at %s", self._config.client_url, self._config.peer_url)

    async def stop(self) -> None:
        """Leadership goes first, then what is open is finished, then the doors close."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._certificates is not None:
            await self._certificates.close()
        if self._hand_over is not None:
            await self._hand_over.close()
        await self.replica.drain()
        await self._api.close()
        if self._pod is not None:
            await self._pod.close()
        await self.replica.stop()
        if self._peer_runner is not None:
            await self._peer_runner.cleanup()


def certificate_keeper(config: NodeConfig, environment: Mapping[str, str]) -> CertificateKeeper | None:
    """None where somebody else keeps the files. Raises `NotInKubernetes`."""
    files, identity = _peer_files(config), config.identity
    if identity.source != "kubernetes" or files is None:
        return None
    client = ApiClient(Surroundings.of_pod(environment))
    labels = tuple((name, value) for name, _, value in (label.partition("=") for label in identity.request_labels))
    return CertificateKeeper(
        client,
        files,
        config.member.name,
        identity.host_names,
        identity.signer,
        labels,
        common_name=identity.common_name,
        non_voting=config.member.non_voting,
    )


def _reporter(config: NodeConfig, certificates: CertificateKeeper | None) -> CertificateReporter | None:
    files = _peer_files(config)
    if certificates is not None or files is None:
        return certificates.reporter if certificates is not None else None
    return CertificateReporter(files)


def _peer_files(config: NodeConfig) -> TlsFiles | None:
    section = config.tls
    if section.certificate_file is None or section.key_file is None:
        return None
    return TlsFiles(section.certificate_file, section.key_file, section.peer_ca_file)


def _tls(config: NodeConfig) -> tuple[PeerTls | None, ServerTls | None]:
    section, files = config.tls, _peer_files(config)
    if files is None:
        return None, None
    peer = PeerTls(files, verify_hostname=section.peer_verify_hostname)
    authentication = ClientAuthentication(section.client_authentication) if section.client_ca_file else ClientAuthentication.NONE
    client = ServerTls(TlsFiles(files.certificate, files.key, section.client_ca_file), authentication=authentication)
    return peer, client
