"""Who are my peers? A set of peer URLs that may change. Kubernetes, consul and etcd can answer it too, behind the same two methods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class DiscoveryFailure(Exception):
    """The source gave no answer: says which source, and why. What was known before stays true."""


class Discovery(Protocol):
    async def peers(self) -> list[str]:
        """Peer URLs, sorted, without duplicates; this member's own may be among them. Raises `DiscoveryFailure`."""
        ...

    def watch(self) -> AsyncIterator[list[str]]:
        """What `peers` gives, now and after each change. It outlives failures of the source, and never gives an answer that was none."""
        ...
