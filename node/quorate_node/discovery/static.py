"""Peers from the configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from quorate_node.discovery.urls import peer_urls


class StaticDiscovery:
    """A fixed list. Raises `ValueError` for a URL that is none."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._urls = peer_urls(urls)

    async def peers(self) -> list[str]:
        return list(self._urls)

    async def watch(self) -> AsyncIterator[list[str]]:
        yield list(self._urls)
