"""One kubelet of the test cluster."""

from __future__ import annotations

import json
from pathlib import Path

from tests.kubernetes.bed.certificates import Authority
from tests.kubernetes.bed.cgroups import make_groups
from tests.kubernetes.bed.control_plane import ControlPlane
from tests.kubernetes.bed.layout import CLUSTER_DOMAIN, HOST_ADDRESS, NodePlace
from tests.kubernetes.bed.processes import Program


def kubelet(program: Path, place: NodePlace, control_plane: ControlPlane, authority: Authority, resolver: Path) -> Program:
    """The process of `place`'s kubelet, not started."""
    user = f"system:node:{place.name}"
    kubeconfig = control_plane.client_kubeconfig(place.name, user, "system:nodes")
    serving = authority.issue(f"{place.name}-serving", place.name, names=(place.name, place.address))
    configuration = place.directory / "kubelet.json"
    root = place.directory / "kubelet"
    root.mkdir(parents=True, exist_ok=True)
    place.pod_logs.mkdir(parents=True, exist_ok=True)
    configuration.write_text(
        json.dumps(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "address": place.address,
                "healthzPort": 0,
                "readOnlyPort": 0,
                "authentication": {
                    "anonymous": {"enabled": False},
                    "webhook": {"enabled": True},
                    "x509": {"clientCAFile": str(authority.pair.certificate)},
                },
                "authorization": {"mode": "Webhook"},
                "tlsCertFile": str(serving.certificate),
                "tlsPrivateKeyFile": str(serving.key),
                "containerRuntimeEndpoint": f"unix://{place.containerd_socket}",
                "clusterDomain": CLUSTER_DOMAIN,
                "clusterDNS": [HOST_ADDRESS],
                "resolvConf": str(resolver),
                # The default is a folder of the machine's.
                "volumePluginDir": str(place.directory / "plugins"),
                "podLogsDir": str(place.pod_logs),
                "cgroupDriver": "cgroupfs",
                # Needed for resizing pods in place; without it that ends the kubelet.
                "cgroupsPerQOS": True,
                "cgroupRoot": make_groups(place.state.name, place.name),
                "enforceNodeAllocatable": [],
                "failSwapOn": False,
                "localStorageCapacityIsolation": False,
                "evictionHard": {"nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%"},
                "imageGCHighThresholdPercent": 100,
                # With the controllers' grace period: a node that is gone is seen to be in half of the usual time.
                "nodeLeaseDurationSeconds": 16,
                # Stopped pods are gone at once, as a test waits for them.
                "syncFrequency": "10s",
                "fileCheckFrequency": "10s",
                "serializeImagePulls": False,
            }
        )
    )
    flags = [
        f"--config={configuration}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={place.name}",
        f"--node-ip={place.address}",
        f"--root-dir={root}",
        f"--node-labels=topology.kubernetes.io/zone={place.zone}",
        f"--cert-dir={place.directory / 'pki'}",
    ]
    return Program(f"kubelet-{place.number}", [program, *flags], place.logs)
