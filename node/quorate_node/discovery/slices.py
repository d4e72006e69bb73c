"""What the EndpointSlices of the members' headless Service say: which members there are, and at which addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

PEER_PORT_NAME = "peer"
ADDRESSES_MAX = 16
"""Of one member: more are none of Kubernetes' making."""


class Endpoint(NamedTuple):
    """One member. `name`: its pod's, which is the first label of its DNS name; empty when the slices name none."""

    name: str
    addresses: tuple[str, ...]
    """Those of a pod that is about to end come last."""
    port: int
    """0: the slice names no port for members."""


def endpoints_of(slices: Mapping[str, Mapping[str, Any]]) -> list[Endpoint]:
    """Members by name, then those without a name by address. What is not understood is passed over: others write these objects too."""
    named: dict[str, list[tuple[bool, str]]] = {}
    ports: dict[str, int] = {}
    nameless: dict[str, int] = {}
    for _, piece in sorted(slices.items()):
        port = _peer_port(piece.get("ports"))
        for endpoint in _dicts(piece.get("endpoints")):
            name = _name(endpoint)
            for address in _addresses(endpoint.get("addresses")):
                if name:
                    named.setdefault(name, []).append((_ending(endpoint), address))
                    ports.setdefault(name, port)
                else:
                    nameless.setdefault(address, port)
    found = [Endpoint(name, _unique(address for _, address in sorted(named[name])), ports[name]) for name in sorted(named)]
    return found + [Endpoint("", (address,), nameless[address]) for address in sorted(nameless)]


def _unique(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(addresses))[:ADDRESSES_MAX]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _name(endpoint: dict[str, Any]) -> str:
    """The hostname is what DNS knows; a pod without one is not in DNS by its name, but has it all the same."""
    target = endpoint.get("targetRef")
    pod = target.get("name") if isinstance(target, dict) and target.get("kind") == "Pod" else None
    return str(endpoint.get("hostname") or pod or "")


def _ending(endpoint: dict[str, Any]) -> bool:
    conditions = endpoint.get("conditions")
    return isinstance(conditions, dict) and conditions.get("terminating") is True


def _addresses(value: Any) -> list[str]:
    found = []
    for address in value if isinstance(value, list) else []:
        try:
            # By its text: the number 7 would be an address too.
            found.append(str(ipaddress.ip_address(str(address))))
        except ValueError:
            continue
    return found


def _peer_port(ports: Any) -> int:
    for port in _dicts(ports):
        number = port.get("port")
        if port.get("name") == PEER_PORT_NAME and isinstance(number, int) and 0 < number < 65_536:
            return number
    return 0
