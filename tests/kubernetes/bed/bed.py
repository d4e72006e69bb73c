"""A whole Kubernetes in the namespaces of this process: started in order, stopped in reverse, with the tests' hands on its parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.kubernetes.bed import network
from tests.kubernetes.bed.certificates import Authority
from tests.kubernetes.bed.containerd import Containerd
from tests.kubernetes.bed.control_plane import ControlPlane
from tests.kubernetes.bed.kubelet import kubelet
from tests.kubernetes.bed.kwok import ADDRESSES, fake_node, kwok, stub_members
from tests.kubernetes.bed.layout import NodePlace
from tests.kubernetes.bed.objects import cluster_objects, local_volume
from tests.kubernetes.bed.processes import Program, wait_for
from tests.kubernetes.debian import cni_directory
from tests.kubernetes.kubectl import Kubectl, KubectlFailure, condition

NODES = 2
VOLUMES_PER_NODE = 40
"""Folders on a disk: they cost nothing until a pod writes to them."""
NODES_READY_TIMEOUT_S = 120.0


class BedNode:
    """One node: `kubelet` and `containerd` may be killed and started again."""

    def __init__(self, place: NodePlace, containerd: Containerd, kubelet: Program) -> None:
        self.name = place.name
        self.place = place
        self.containerd = containerd
        self.kubelet = kubelet


class Bed:
    """`start`, use `kubectl`, `stop`. To be made inside the wrapper's namespaces only (`tests.kubernetes.bed.wrapper`)."""

    def __init__(self, programs: dict[str, Path], images: list[Path], state: Path, logs: Path) -> None:
        """`images`: docker-archives that every node gets; `state` and `logs`: folders that exist."""
        self._images = images
        places = [NodePlace(number + 1, state, logs) for number in range(NODES)]
        authority = Authority(state / "certificates")
        self.control_plane = ControlPlane(programs, state, logs, authority)
        self.kubectl = Kubectl(programs["kubectl"], self.control_plane.kubeconfig)
        self.proxy = network.proxy(programs["kube-proxy"], self.control_plane, state, logs)
        self.dns = network.dns(programs["coredns"], self.control_plane, state, logs)
        self.kwok = kwok(programs, self.control_plane, state, logs)
        self.stub_members = stub_members(programs, self.control_plane, logs)
        resolver = network.resolver_file(state)
        plugins = cni_directory()
        assert plugins is not None, "the wrapper's caller has looked for the packages"
        self.nodes = [
            BedNode(place, Containerd(place, plugins), kubelet(programs["kubelet"], place, self.control_plane, authority, resolver))
            for place in places
        ]

    def start(self) -> None:
        """Until both nodes are Ready and have the images. Raises `BedFailure`."""
        network.set_up([node.place for node in self.nodes], ADDRESSES)
        for node in self.nodes:
            node.containerd.start()
        with ThreadPoolExecutor() as pool:
            # It takes as long as the control plane does.
            imports = [pool.submit(self._import_images, node) for node in self.nodes]
            self._start_cluster()
            for each in imports:
                each.result()
        wait_for("both nodes are Ready", self._missing, NODES_READY_TIMEOUT_S, self.everything)

    def _import_images(self, node: BedNode) -> None:
        for image in self._images:
            node.containerd.import_image(image)

    def _start_cluster(self) -> None:
        self.control_plane.start()
        for node in self.nodes:
            node.kubelet.start()
        self.kubectl.apply(cluster_objects())
        self.proxy.start()
        self.dns.start()
        self._make_volumes()

    @property
    def everything(self) -> list[Program]:
        """All that runs for as long as the cluster does."""
        of_nodes = [program for node in self.nodes for program in (node.containerd.program, node.kubelet)]
        return [*self.control_plane.running, self.proxy, self.dns, *of_nodes]

    def stop(self) -> None:
        """In order, so that every log ends with an orderly end; what it misses, the namespaces' end takes."""
        for program in (self.stub_members, self.kwok, self.proxy, self.dns):
            program.stop()
        for node in self.nodes:
            node.kubelet.stop()
        self.control_plane.stop()
        for node in self.nodes:
            node.containerd.program.stop()

    @contextmanager
    def api_server_away(self) -> Iterator[None]:
        """Within it nothing can be asked. Then all that watches begins anew, as after a restart of its own: left alone, each waits for as
        long as its back-off has grown, after a minute's absence for more than another, and later tests would find pods that nobody starts
        and names that nobody knows. Pods run on.
        """
        try:
            with self.control_plane.api_server_away():
                yield
        finally:
            for program in (*(node.kubelet for node in self.nodes), self.proxy, self.dns):
                program.stop()
                program.start()
            wait_for("both nodes are Ready", self._missing, NODES_READY_TIMEOUT_S, self.everything)
            wait_for("both kubelets know their pods", self._unknown_pods, NODES_READY_TIMEOUT_S, self.everything)

    def add_fake_nodes(self, count: int) -> None:
        """Until `count` nodes of kwok's are Ready. Raises `BedFailure`."""
        if not self.kwok.running:
            self.kwok.start()
        self.kubectl.apply([fake_node(number) for number in range(count)])

        def missing() -> str:
            ready = [node for node in self.kubectl.list("nodes", selector="type=kwok") if condition(node, "Ready")]
            return "" if len(ready) >= count else f"{len(ready)} are"

        wait_for(f"{count} fake nodes are Ready", missing, NODES_READY_TIMEOUT_S, [self.kwok])

    def remove_fake_nodes(self) -> None:
        self.kubectl("delete", "nodes", "-l", "type=kwok")
        self.kwok.stop()

    def node(self, name: str) -> BedNode:
        return next(node for node in self.nodes if node.name == name)

    def _make_volumes(self) -> None:
        volumes = []
        for node in self.nodes:
            for number in range(VOLUMES_PER_NODE):
                (node.place.volumes / str(number)).mkdir(parents=True)
                volumes.append(local_volume(node.place, number))
        self.kubectl.apply(volumes)

    def _missing(self) -> str:
        try:
            ready = {node["metadata"]["name"] for node in self.kubectl.list("nodes") if condition(node, "Ready")}
        except KubectlFailure as failure:
            return str(failure)
        return ", ".join(f"{node.name} is not Ready" for node in self.nodes if node.name not in ready)

    def _unknown_pods(self) -> str:
        """A kubelet that has just started is Ready by what it said before, and for a second denies that its pods exist."""
        try:
            for node in self.nodes:
                known = json.loads(self.kubectl("get", "--raw", f"/api/v1/nodes/{node.name}/proxy/pods"))["items"] or []
                bound = (pod for pod in self.kubectl.list("pods") if pod["spec"].get("nodeName") == node.name)
                unknown = {pod["metadata"]["uid"] for pod in bound} - {pod["metadata"]["uid"] for pod in known}
                if unknown:
                    return f"the kubelet of {node.name} does not know {len(unknown)}"
        except KubectlFailure as failure:
            return str(failure)
        return ""
