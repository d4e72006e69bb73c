"""`python -m tests.kubernetes.bed.stub_members KUBECTL KUBECONFIG`: says for every pod of kwok's that it is a member, as a node would.

Nothing runs in such a pod, and yet it has an address; a route in the cluster's namespaces brings all those addresses to this one process,
which tells by the address that was called whom it speaks for. It is the part of the members' API that an operator uses, with clusters that
agree on everything at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PORT = 7301
COLUMNS = r"NS:.metadata.namespace,NAME:.metadata.name,IP:.status.podIP,CLUSTER:.metadata.labels.quorate\.io/cluster"
NONE = "<none>"
VERSION = "0.1.0"
TERM = 2


def number(text: str) -> int:
    """An id that is always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


@dataclass
class Cluster:
    """Whoever was asked to found it leads it; every other pod that is asked joins it as a voter."""

    name: str
    index: int = 0
    leader: str = ""
    members: dict[str, int] = field(default_factory=dict)

    @property
    def cluster_id(self) -> int:
        return number(f"cluster {self.name}") if self.members else 0

    def join(self, pod: str) -> None:
        if pod not in self.members:
            self.members[pod] = number(f"member {self.name} {pod}")
            self.index += 1

    def role(self, pod: str) -> str:
        if pod not in self.members:
            return "uninitialised"
        return "leader" if pod == self.leader else "follower"


class Stub:
    def __init__(self) -> None:
        self._pods: dict[str, tuple[str, str]] = {}
        """Address: cluster with its namespace, and pod."""
        self._clusters: dict[str, Cluster] = {}

    def seen(self, line: str) -> None:
        """One line of `kubectl get pods --watch`."""
        namespace, name, address, cluster = line.split()
        if NONE not in (address, cluster):
            self._pods[address] = (f"{namespace}/{cluster}", name)

    def cluster(self, address: str) -> tuple[Cluster, str]:
        """Whom this address belongs to. Raises `web.HTTPServiceUnavailable` where it is not known yet."""
        if address not in self._pods:
            raise web.HTTPServiceUnavailable
        name, pod = self._pods[address]
        return self._clusters.setdefault(name, Cluster(name)), pod

    def status(self, address: str) -> Mapping[str, Any]:
        cluster, pod = self.cluster(address)
        if cluster.members:
            cluster.join(pod)
        identity = {"member_id": cluster.members.get(pod, 0), "cluster_id": cluster.cluster_id, "name": pod}
        return {**identity, "role": cluster.role(pod), "term": TERM, "version": VERSION, "cluster_version": 1}

    def members(self, address: str) -> Mapping[str, Any]:
        cluster, _ = self.cluster(address)
        progress = {"match_index": 1, "lag_entries": 0, "recent_active": True}
        told = [{"member_id": number, "name": name, "role": "voter", "progress": progress} for name, number in cluster.members.items()]
        return {"cluster_id": cluster.cluster_id, "configuration_index": cluster.index, "members": told}

    def bootstrap(self, address: str) -> Mapping[str, Any]:
        cluster, pod = self.cluster(address)
        cluster.leader = cluster.leader or pod
        cluster.join(pod)
        return {"cluster_id": cluster.cluster_id, "member_id": cluster.members[pod]}

    def nothing(self, address: str) -> Mapping[str, Any]:
        self.cluster(address)
        return {}

    def application(self) -> web.Application:
        made = web.Application()
        answers: dict[tuple[str, str], Callable[[str], Mapping[str, Any]]] = {
            ("GET", "/v1/status"): self.status,
            ("GET", "/v1/members"): self.members,
            ("POST", "/v1/range"): self.nothing,
            ("POST", "/v1/bootstrap"): self.bootstrap,
        }
        for (method, path), answer in answers.items():
            made.router.add_route(method, path, _handler(answer))
        return made


def _handler(answer: Callable[[str], Mapping[str, Any]]) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        return web.json_response(answer(request.transport.get_extra_info("sockname")[0]))

    return handle


async def _watch(stub: Stub, kubectl: str, kubeconfig: str) -> None:
    selector = ("-A", "-l", "quorate.io/cluster", "--watch", "--no-headers", "-o", f"custom-columns={COLUMNS}")
    while True:
        process = await asyncio.create_subprocess_exec(
            kubectl, f"--kubeconfig={kubeconfig}", "get", "pods", *selector, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        async for line in process.stdout:
            stub.seen(line.decode())
        # A watch ends when the API server wants it to.
        await process.wait()
        await asyncio.sleep(1)


async def main() -> None:
    stub = Stub()
    runner = web.AppRunner(stub.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", PORT, backlog=1_024).start()
    await _watch(stub, sys.argv[1], sys.argv[2])


if __name__ == "__main__":
    asyncio.run(main())
