"""One containerd of the test cluster: its configuration, its network, its images."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.kubernetes.bed.layout import PAUSE_IMAGE, POD_RANGE, NodePlace
from tests.kubernetes.bed.processes import BedFailure, Program, wait_for

READY_TIMEOUT_S = 60.0
IMPORT_TIMEOUT_S = 300.0
IN_MEMORY_FROM_BYTES = 8 * 2**30
IN_MEMORY_BYTES_MAX = 4 * 2**30

CONFIGURATION = """version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
"""


class Containerd:
    def __init__(self, place: NodePlace, plugins: Path) -> None:
        self._place = place
        networks = place.directory / "networks"
        networks.mkdir(parents=True)
        place.runtime.mkdir(parents=True)
        root = place.directory / "containerd"
        root.mkdir()
        keep_in_memory(root)
        (networks / "10-bridge.conflist").write_text(json.dumps(_network(place)))
        configuration = place.directory / "containerd.toml"
        configuration.write_text(
            CONFIGURATION.format(
                root=root,
                state=place.runtime / "containerd",
                socket=place.containerd_socket,
                pause=PAUSE_IMAGE,
                plugins=plugins,
                networks=networks,
            )
        )
        self.program = Program(f"containerd-{place.number}", ["containerd", "--config", configuration], place.logs)

    def start(self) -> None:
        self.program.start()
        wait_for(f"{self.program.name} answers", self._missing, READY_TIMEOUT_S, [self.program])

    def _missing(self) -> str:
        if not self._place.containerd_socket.exists():
            return f"no {self._place.containerd_socket}"
        answer = self._ctr("version", timeout_s=5)
        return "" if answer.returncode == 0 else answer.stderr.strip()

    def import_image(self, archive: Path) -> None:
        """Loads a docker-archive into what the kubelet sees. Raises `BedFailure`."""
        done = self._ctr("-n", "k8s.io", "images", "import", str(archive), timeout_s=IMPORT_TIMEOUT_S)
        if done.returncode != 0:
            raise BedFailure(f"{self.program.name} does not take {archive}: {done.stderr.strip()[-1_000:]}")

    def _ctr(self, *arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "-a", str(self._place.containerd_socket), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)


def keep_in_memory(folder: Path, meminfo: Path = Path("/proc/meminfo")) -> bool:
    """Where there is memory to spare: 20,000 small files of an image a node are made and removed at a disk's pace otherwise, which took
    longer than many a test. The namespace's end takes them. Members' volumes stay on the disk: their syncs are what is tested.
    """
    available = next(line.split()[1] for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:"))
    if int(available) * 1024 < IN_MEMORY_FROM_BYTES:
        return False
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=755,size={IN_MEMORY_BYTES_MAX}", "tmpfs", str(folder)], check=True)
    return True


def _network(place: NodePlace) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": place.pod_range}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        # Not below /var/lib/cni, where it would outlive us.
        "dataDir": str(place.directory / "addresses"),
    }
    bridge = {
        "type": "bridge",
        "bridge": place.pod_bridge,
        "isGateway": True,
        "hairpinMode": True,
        # One network namespace holds all nodes: what goes to any pod keeps its address, the rest has nowhere to go anyway.
        "ipMasq": False,
        "ipam": addresses,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": f"pods-{POD_RANGE.split('/')[0]}-{place.number}", "plugins": [bridge, ports]}
