"""How many connections each source has open: one client that leaks connections must not take all that there are."""

from __future__ import annotations

from ipaddress import IPv6Address

_HOST_BITS = 64
"""Of an IPv6 address: whoever has one address has its whole /64, and could come from another each time."""


def source_of(peername: object) -> str:
    """The source of a connection by its `peername`: an IPv4 address, or an IPv6 network; "" for what is no IP socket."""
    host = peername[0] if isinstance(peername, tuple) and peername else ""
    if ":" not in host:
        return str(host)
    address = IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS)}/{128 - _HOST_BITS}"


class Sources:
    """Holds an entry only for who has a connection open, so it is bounded as they are."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, source: str) -> int:
        """Count one more; returns how many the source has now."""
        count = self._open[source] = self._open.get(source, 0) + 1
        return count

    def leave(self, source: str) -> None:
        count = self._open[source] - 1
        if count:
            self._open[source] = count
        else:
            del self._open[source]
