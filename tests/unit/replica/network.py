"""Replicas in one process, joined by a network that can lose whole members: the real replica, machine and memory store, no sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from itertools import count
from random import Random
from typing import Self, cast

import msgspec

from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.message import Message
from quorate_node.protocol.raft import RaftConfig
from quorate_node.replica.joining import ProbeAnswer
from quorate_node.replica.member import Environment
from quorate_node.replica.metrics import publish
from quorate_node.replica.replica import Replica
from quorate_node.replica.service_face import ServiceFace
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.storage import Storage
from quorate_node.store import MemoryDisk, open_store
from quorate_node.store.interface import StateStore
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.interface import Identity, LostReason, PeerFailure, Receiver, RequestKind

_SEEDS = count(1)
"""Every start of every test draws other ids."""
_messages = msgspec.msgpack.Decoder(list[Message])


class Network:
    """URLs to receivers. What crosses it is encoded and decoded, as on a wire."""

    def __init__(self) -> None:
        self.receivers: dict[str, Receiver] = {}
        self.cut: set[str] = set()

    def reachable(self, a: str, b: str) -> bool:
        return b in self.receivers and a not in self.cut and b not in self.cut


class LocalTransport:
    def __init__(self, network: Network, url: str) -> None:
        self._network = network
        self._url = url
        self._peers: dict[int, str] = {}
        self._receiver: Receiver | None = None

    async def start(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._network.receivers[self._url] = receiver

    async def close(self) -> None:
        self._network.receivers.pop(self._url, None)

    def set_peers(self, peers: Mapping[int, str]) -> None:
        self._peers = dict(peers)

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            url = self._peers.get(message.to)
            if url is not None and self._network.reachable(self._url, url):
                frame = msgspec.msgpack.encode([message])
                asyncio.get_running_loop().call_soon(self._deliver, url, frame)

    def _deliver(self, url: str, frame: bytes) -> None:
        receiver = self._network.receivers.get(url)
        assert self._receiver is not None
        if receiver is not None and receiver.admit(self._receiver.identity()) is None:
            receiver.on_messages(_messages.decode(frame))

    async def request(self, member_id: int, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        url = self._peers.get(member_id)
        if url is None:
            raise PeerFailure(f"no address of member {member_id:x}", sent=False)
        return await self.request_url(url, kind, payload, timeout_s)

    async def request_url(self, url: str, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        if not self._network.reachable(self._url, url):
            raise PeerFailure(f"{url} does not answer", sent=False)
        assert self._receiver is not None
        receiver = self._network.receivers[url]
        identity = self._receiver.identity()
        receiver.admit(identity)
        try:
            async with asyncio.timeout(timeout_s):
                return await receiver.on_request(identity.member_id, kind, payload)
        except TimeoutError as error:
            raise PeerFailure(f"{url} did not answer in time", sent=True) from error


class EmptyPlace:
    """A member without an identity that asks nothing by itself: it only says so."""

    def __init__(self, network: Network, url: str) -> None:
        network.receivers[url] = cast(Receiver, self)
        self.member_id = 0

    def admit(self, _identity: Identity) -> str | None:
        return None

    def on_messages(self, _messages: Sequence[Message]) -> None:
        return

    def on_lost(self, _member_id: int, _reason: LostReason) -> None:
        return

    async def on_request(self, _member_id: int, kind: RequestKind, _payload: bytes) -> bytes:
        assert kind == RequestKind.PROBE
        return msgspec.msgpack.encode(ProbeAnswer(0, self.member_id, ()))


class Node:
    def __init__(self, cluster: LocalCluster, number: int, **changes: object) -> None:
        self.url = f"http://member-{number}"
        self.disk = MemoryDisk()
        self._cluster = cluster
        self._number = number
        self._changes = changes
        self.token = "secret" if number == 1 else ""

    async def start(self) -> None:
        own = {"name": f"member-{self._number}", "peer_url": self.url, "client_url": self.url}
        settings = ReplicaSettings(**{**own, **self._cluster.changes, **self._changes})  # type: ignore[arg-type]
        environment = Environment(lambda: int(time.monotonic() * 1000), Random(next(_SEEDS)))
        stores = open_store(None, kind="memory", disk=self.disk)
        def open_machine(state: StateStore, cluster_id: int) -> KeyValueMachine:
            return KeyValueMachine.open(state, cluster_id=cluster_id)

        self.storage = Storage(stores, open_machine, settings.witness, settings.name)

        async def peers() -> Sequence[str]:
            return [node.url for node in self._cluster.nodes]

        def raft_config(member_id: int) -> RaftConfig:
            times = {"election_ticks": 20, "heartbeat_ticks": 3, "read_lease_ms": 60, "lease_drift_ms": 10}
            return RaftConfig(member_id=member_id, commit_eagerly=False, **times)

        transport = LocalTransport(self._cluster.network, self.url)
        self.telemetry = Telemetry()
        self.replica = Replica(
            settings, raft_config, self.storage, transport, environment, self.telemetry, peers, self.token, may_bootstrap=bool(self.token)
        )
        self.service = ServiceFace(self.replica, settings, self.storage, environment)
        publish(self.telemetry, self.replica, self.storage, self.service)
        await self.replica.start()

    async def stop(self) -> None:
        await self.replica.stop()

    def disk_last_index(self) -> int:
        """Where its log ended when it was last open."""
        return self.storage.log.last_index()

    async def crash(self) -> None:
        """The process is gone without a word: what was not synced is lost, and the others see the connection die."""
        self._cluster.network.receivers.pop(self.url, None)
        member = self.replica.member
        member_id = self.replica.member_id
        self.replica._stopping = True
        if self.replica._life is not None:
            self.replica._life.cancel()
        if member is not None:
            await member.close()
        self.disk.crash()
        for receiver in self._cluster.network.receivers.values():
            receiver.on_lost(member_id, LostReason.DIED)


class LocalCluster:
    def __init__(self, size: int, **changes: object) -> None:
        self.network = Network()
        self.changes = changes
        self.nodes = [Node(self, number) for number in range(1, size + 1)]

    async def __aenter__(self) -> Self:
        for node in self.nodes:
            await node.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes:
            if not node.replica.stopping:
                await node.stop()

    async def until(self, what: object, timeout_s: float = 10.0) -> None:
        assert callable(what)
        async with asyncio.timeout(timeout_s):
            while not what():
                await asyncio.sleep(0.005)

    async def formed(self) -> None:
        def all_vote() -> bool:
            for node in self.nodes:
                member = node.replica.member
                if member is None or len(member.machine.configuration.voters) != len(self.nodes) or not member.engine.soft_state.leader:
                    return False
            return True

        await self.until(all_vote)

    def leader(self) -> Node:
        return next(node for node in self.nodes if not node.replica.stopping and node.service.is_leader())

    def followers(self) -> list[Node]:
        return [node for node in self.nodes if not node.replica.stopping and not node.service.is_leader()]
