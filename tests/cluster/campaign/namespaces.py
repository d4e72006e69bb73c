"""A network of its own for each member: network namespaces on one bridge, made with Debian's iproute2 and always removed.

The driver stays in the machine's own namespace and reaches every member over the bridge, as clients in another rack would.
Names carry the driver's process id, so that runs do not collide and leftovers of a run that was killed are found by the next one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

MEMBERS_MAX = 9
NETWORKS = range(16, 250)
"""Third bytes of 10.213.x.0/24 (RFC 1918): the first that no route of this machine names is taken."""
BRIDGE_HOST = 254
CLONE_NEWNET = 0x40000000
OUR_NAME = re.compile(r"qc(\d+)(?:-\d+|b|v\d+|t\d+)")


def why_not() -> str:
    """The reason why this machine cannot run a campaign; empty when it can."""
    if os.geteuid() != 0:
        return "needs root: makes network namespaces"
    missing = [program for program in ("ip", "setpriv", "unshare") if shutil.which(program) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian: apt-get install iproute2 util-linux)"
    if not Path("/dev/net/tun").exists():
        return "needs /dev/net/tun (modprobe tun): impaired wires pass through it"
    return ""


def ip(*words: str) -> str:
    """What `ip` printed. Raises RuntimeError with its complaint."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Namespaces:
    """`count` namespaces, 0 to count-1, each with eth0 at `address(number)`. Use as a context manager."""

    def __init__(self, count: int) -> None:
        assert 1 <= count <= MEMBERS_MAX, f"{count} namespaces; 1 to {MEMBERS_MAX} are made"
        self.count = count
        self._prefix = f"qc{os.getpid()}"
        self._network = ""

    def __enter__(self) -> Self:
        remove_leftovers()
        self._network = f"10.213.{self._free_network()}"
        try:
            self._create()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def name(self, number: int) -> str:
        return f"{self._prefix}-{number}"

    def tun_name(self, number: int) -> str:
        return f"{self._prefix}t{number}"

    def address(self, number: int) -> str:
        return f"{self._network}.{number + 1}"

    def number_of(self, address: str) -> int:
        return int(address.rsplit(".", 1)[1]) - 1

    def prefix(self, number: int) -> list[str]:
        """Words before a command that make it run there, and die with this driver. `ip netns exec` becomes the command: its pid stays."""
        return ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.name(number)]

    def inside(self, number: int, *words: str) -> str:
        return ip("netns", "exec", self.name(number), *words)

    def connected(self, number: int, address: tuple[str, int], timeout_s: float) -> socket.socket:
        """A TCP connection made from inside the namespace. Blocks. Raises OSError."""
        made: list[socket.socket] = []
        failed: list[OSError] = []

        def enter_and_connect() -> None:
            # Only this thread goes there, and a socket stays where it was made.
            with Path(f"/run/netns/{self.name(number)}").open("rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    failed.append(OSError(ctypes.get_errno(), f"setns to {self.name(number)}"))
                    return
            try:
                made.append(socket.create_connection(address, timeout_s))
            except OSError as error:
                failed.append(error)

        thread = threading.Thread(target=enter_and_connect)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return made[0]

    def unplug(self, number: int) -> None:
        """The member's cable is out: neither members nor clients reach it."""
        ip("link", "set", f"{self._prefix}v{number}", "down")

    def plug(self, number: int) -> None:
        ip("link", "set", f"{self._prefix}v{number}", "up")

    def _free_network(self) -> int:
        routes = ip("-4", "route", "show", "table", "all") + ip("-4", "addr", "show")
        return next(number for number in NETWORKS if f"10.213.{number}." not in routes)

    def _create(self) -> None:
        bridge = f"{self._prefix}b"
        ip("link", "add", bridge, "type", "bridge")
        ip("addr", "add", f"{self._network}.{BRIDGE_HOST}/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        for number in range(self.count):
            name, cable = self.name(number), f"{self._prefix}v{number}"
            ip("netns", "add", name)
            ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", cable, "master", bridge, "up")
            ip("-n", name, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "eth0", "up")

    def take_tun(self, number: int) -> None:
        """Move the emulator's end of a wire (made in this namespace) to its member, where it becomes `wire`."""
        name = self.name(number)
        ip("link", "set", self.tun_name(number), "netns", name, "name", "wire")
        # What comes back by another way than it would leave by is our own doing here, and no forgery.
        self.inside(number, "sh", "-c", "for i in all wire eth0; do echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done")
        ip("-n", name, "link", "set", "wire", "mtu", "1500", "up")

    def route(self, source: int, targets: Mapping[int, bool]) -> None:
        """What `source` sends to a target goes through the emulator from now on (True) or over the bridge, on open connections too."""
        lines = []
        for target, through_wire in targets.items():
            address = f"{self.address(target)}/32"
            way = f"replace {address} dev wire src {self.address(source)}" if through_wire else f"del {address} dev wire"
            lines.append(f"route {way}\n")
        done = subprocess.run(
            ["ip", "-n", self.name(source), "-force", "-batch", "-"], input="".join(lines), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"ip -batch in {self.name(source)}: {done.stderr.strip()}\n{''.join(lines)}"

    def remove(self) -> None:
        _remove(self._prefix)


def _remove(prefix: str) -> None:
    """Processes first: a namespace lives as long as one of them does."""
    for name in _names(ip("netns", "list"), f"{prefix}-"):
        for pid in ip("netns", "pids", name).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(RuntimeError):
            ip("netns", "delete", name)
    for link in [line.split(":")[1].strip().split("@")[0] for line in ip("-o", "link", "show").splitlines()]:
        if link.startswith((f"{prefix}b", f"{prefix}v", f"{prefix}t")):
            with contextlib.suppress(RuntimeError):  # a cable goes with its namespace, in the kernel's own time
                ip("link", "delete", link)


def _names(listing: str, prefix: str) -> list[str]:
    return [line.split()[0] for line in listing.splitlines() if line.startswith(prefix)]


def remove_leftovers() -> None:
    """Remove what drivers left that were killed: their process ids are in the names."""
    owners = {match[1] for match in OUR_NAME.finditer(ip("netns", "list") + ip("-o", "link", "show"))}
    for owner in sorted(owners):
        if not Path(f"/proc/{owner}").exists():
            _remove(f"qc{owner}")
