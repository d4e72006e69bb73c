"""The Debian packages that the test cluster runs on: containers, bridges, packet filters, image building."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.kubernetes.cache import CannotPrepare

CNI_DIRECTORIES = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
    "mount": "mount",
}
"""The package that has each command."""
PLUGINS_PACKAGE = "containernetworking-plugins"


def cni_directory() -> Path | None:
    return next((directory for directory in CNI_DIRECTORIES if (directory / "bridge").exists()), None)


def missing_packages() -> list[str]:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    missing = [package for command, package in PACKAGES.items() if shutil.which(command, path=path) is None]
    return missing + ([PLUGINS_PACKAGE] if cni_directory() is None else [])


def require_packages() -> None:
    """Installs what is missing where this is Debian or Ubuntu and we are root. Raises `CannotPrepare` with the command to give."""
    missing = missing_packages()
    if not missing:
        return
    advice = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotPrepare(f"the test cluster needs {', '.join(missing)}: as root, on Debian or Ubuntu: {advice}")
    print(f"installing {' '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    said = ""
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = done.stdout
    still = missing_packages()
    if still:
        raise CannotPrepare(f"{', '.join(still)} could not be installed ({advice}):\n{said[-2_000:]}")
