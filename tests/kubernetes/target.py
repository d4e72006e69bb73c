"""The cluster under test, and what a test may do to it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.kubectl import Kubectl, KubectlFailure

KINDS_DESCRIBED = "pods,statefulsets,persistentvolumeclaims,services,endpointslices,events"
LOG_LINES = 500


@dataclass(frozen=True)
class Target:
    kubectl: Kubectl
    image: str
    """The project's image, present on every node."""
    bed: Bed | None
    """None: the cluster is somebody else's."""

    def kill_container(self, namespace: str, pod: str, container: str) -> int:
        """SIGKILL to every process of a running container, as when it runs out of memory. Returns how many there were.

        Only on the bed, whose containers are processes next to the tests: so it works with the API server stopped too, once
        `container_id` is known.
        """
        return kill_processes(self.container_id(namespace, pod, container))

    def container_id(self, namespace: str, pod: str, container: str) -> str:
        status = self.kubectl.get("pod", pod, namespace)["status"]
        every = status.get("containerStatuses", []) + status.get("initContainerStatuses", [])
        return str(next(each["containerID"] for each in every if each["name"] == container)).removeprefix("containerd://")

    def remove_namespace(self, name: str) -> None:
        """Asks for it and does not wait: it takes as long as its pods take to end, and no other test has anything in it."""
        self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")

    def describe(self, namespace: str, folder: Path) -> None:
        """What a failed test left: objects, and each container's log, this one's and the last one's."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, command in (("objects.yaml", ["get", KINDS_DESCRIBED, "-o", "yaml"]), ("described", ["describe", "pods"])):
            with suppress(KubectlFailure):
                (folder / name).write_text(self.kubectl(*command, "-n", namespace))
        with suppress(KubectlFailure):
            for pod in self.kubectl.list("pods", namespace):
                pod_name = pod["metadata"]["name"]
                for suffix, arguments in ((".log", []), (".previous.log", ["--previous"])):
                    with suppress(KubectlFailure):
                        text = self.kubectl.logs(namespace, pod_name, "--all-containers", f"--tail={LOG_LINES}", *arguments)
                        (folder / (pod_name + suffix)).write_text(text)


def kill_processes(container_id: str) -> int:
    """SIGKILL to every process of the container; returns how many there were."""
    found = _processes(container_id)
    for pid in found:
        # It may end while we look.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def resident_bytes(container_id: str) -> int:
    """Memory that the container's processes have now, what they share counted once for each."""
    total = 0
    for pid in _processes(container_id):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
    return total


def _processes(container_id: str) -> list[int]:
    """Those whose control group is the container's."""
    assert len(container_id) >= 12, f"{container_id!r} is no container's id"
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if container_id in (folder / "cgroup").read_text():
                    found.append(int(folder.name))
    return found
