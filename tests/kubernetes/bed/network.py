"""The cluster's network: the bridge of the nodes, kube-proxy and DNS."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.kubernetes.bed.control_plane import ControlPlane
from tests.kubernetes.bed.layout import BRIDGE, BRIDGE_PREFIX, CLUSTER_DOMAIN, HOST_ADDRESS, POD_RANGE, SERVICE_RANGE, NodePlace
from tests.kubernetes.bed.processes import BedFailure, Program

SYSTEM_CONTROLS = {
    "net/ipv4/ip_forward": "1",
    # Containers of non-root users open ports below 1024 nowhere in our tests; what a pod may do stays Kubernetes' choice.
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
}

COREFILE = """{domain}:53 {{
    bind {address}
    errors
    kubernetes {domain} {{
        kubeconfig {kubeconfig}
        ttl 2
    }}
}}
.:53 {{
    bind {address}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise BedFailure(f"`ip {' '.join(arguments)}`: {done.stderr.strip()}")


def set_up(places: list[NodePlace], stubs: str) -> None:
    """Lo, forwarding, and one bridge with every node's address; all of the range `stubs` are addresses of ours. Raises `BedFailure`."""
    _ip("link", "set", "lo", "up")
    for name, value in SYSTEM_CONTROLS.items():
        (Path("/proc/sys") / name).write_text(value)
    _ip("link", "add", BRIDGE, "type", "bridge")
    for place in places:
        _ip("address", "add", f"{place.address}/{BRIDGE_PREFIX}", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    # Processes outside of pods, the tests among them, reach services only where a route leads to the packet filter.
    _ip("route", "add", SERVICE_RANGE, "dev", BRIDGE)
    _ip("route", "add", "local", stubs, "dev", "lo")
    # kube-proxy asks for the interface of the default route.
    _ip("route", "add", "default", "via", HOST_ADDRESS, "dev", BRIDGE)


def proxy(program: Path, control_plane: ControlPlane, state: Path, logs: Path) -> Program:
    """One for all nodes, since they share one packet filter."""
    configuration = state / "kube-proxy.json"
    configuration.write_text(
        json.dumps(
            {
                "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                "kind": "KubeProxyConfiguration",
                "mode": "iptables",
                "clientConnection": {"kubeconfig": str(control_plane.client_kubeconfig("kube-proxy", "system:kube-proxy"))},
                "clusterCIDR": POD_RANGE,
                "hostnameOverride": "node-1",
                "bindAddress": HOST_ADDRESS,
                # A pod that reaches one on its own bridge by a service would get the answer past the packet filter, from a stranger.
                "iptables": {"masqueradeAll": True, "minSyncPeriod": "0s"},
                "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
                "nodePortAddresses": ["primary"],
            }
        )
    )
    return Program("kube-proxy", [program, f"--config={configuration}"], logs)


def dns(program: Path, control_plane: ControlPlane, state: Path, logs: Path) -> Program:
    """CoreDNS as a process on the bridge; it knows the cluster's names and denies all others."""
    kubeconfig = control_plane.client_kubeconfig("coredns", "system:coredns")
    corefile = state / "Corefile"
    corefile.write_text(COREFILE.format(domain=CLUSTER_DOMAIN, address=HOST_ADDRESS, kubeconfig=kubeconfig))
    return Program("coredns", [program, "-conf", corefile], logs)


def resolver_file(state: Path) -> Path:
    """What pods with `dnsPolicy: Default` get: never the machine's own, which no pod could reach."""
    path = state / "resolv.conf"
    path.write_text(f"nameserver {HOST_ADDRESS}\n")
    return path
