"""What is built from Go modules, at which versions, and how. The versions of the two large ones are those of their go.mod files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent

COREDNS_VERSION = "v1.12.1"
HELM_VERSION = "v3.21.4"
KWOK_VERSION = "v0.8.0"
PAUSE_VERSION = "v1"

KWOK_STAGES = tuple(
    f"kustomize/stage/{name}.yaml"
    for name in ("node/fast/node-initialize", "node/heartbeat-with-lease/node-heartbeat-with-lease")
    + tuple(f"pod/fast/pod-{stage}" for stage in ("complete", "delete", "ready"))
)
"""What kwok does with nodes and pods: without these it does nothing, and says so."""


@dataclass(frozen=True)
class Recipe:
    """One `go` command and the programs it makes, keyed by the name they get, with the name that Go gives them."""

    name: str
    version: str
    programs: dict[str, str]
    packages: tuple[str, ...]
    module: Path | None = None
    """Folder of the go.mod to build in; None: `go install PACKAGE@VERSION`, for modules without replacements."""
    link_flags: str = "-s -w"
    source: str = ""
    """Path of the module that `files` come from."""
    files: tuple[str, ...] = ()
    """What else a program needs of its module, by path; kept beside it under the last part of its name."""

    @property
    def key(self) -> str:
        """Name of its folder in the cache: another version, another pinned dependency or another flag is another folder."""
        digest = hashlib.sha256(repr((self.programs, self.packages, self.link_flags, self.files)).encode())
        if self.module is not None:
            for path in sorted(self.module.iterdir()):
                digest.update(path.name.encode() + path.read_bytes())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:8]}"


def required_version(module: Path, path: str) -> str:
    """The version of module `path` that `module`'s go.mod requires. Raises `ValueError` where it requires none."""
    found = re.search(rf"^\s*(?:require )?{re.escape(path)} (v\S+)(?: //.*)?$", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{module / 'go.mod'} requires no {path}")
    return found[1]


def kubernetes() -> Recipe:
    module = DIRECTORY / "kubernetes"
    version = required_version(module, "k8s.io/kubernetes")
    major, minor = version.removeprefix("v").split(".")[:2]
    # Without the stamp the server calls itself v0.0.0-master, and Helm and kubectl misjudge what it can do.
    stamp = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    programs = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet")
    return Recipe(
        "kubernetes",
        version,
        {name: name for name in programs},
        tuple(f"k8s.io/kubernetes/cmd/{name}" for name in programs),
        module,
        "-s -w " + " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamp.items()),
    )


def etcd() -> Recipe:
    module = DIRECTORY / "etcd"
    packages = ("go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/etcdctl/v3")
    return Recipe("etcd", required_version(module, packages[0]), {"etcd": "server", "etcdctl": "etcdctl"}, packages, module)


def recipes() -> tuple[Recipe, ...]:
    return (
        Recipe("pause", PAUSE_VERSION, {"pause": "pause"}, (".",), DIRECTORY / "pause"),
        etcd(),
        kubernetes(),
        Recipe("coredns", COREDNS_VERSION, {"coredns": "coredns"}, ("github.com/coredns/coredns",)),
        Recipe("helm", HELM_VERSION, {"helm": "helm"}, ("helm.sh/helm/v3/cmd/helm",)),
        Recipe("kwok", KWOK_VERSION, {"kwok": "kwok"}, ("sigs.k8s.io/kwok/cmd/kwok",), source="sigs.k8s.io/kwok", files=KWOK_STAGES),
    )
