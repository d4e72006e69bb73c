"""Peer URLs in one form, so that the same address is never taken for two peers."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

PEERS_MAX = 1_000


def peer_url(text: str) -> str:
    """`scheme://host:port`, lower case. Raises `ValueError`, with the value and what is wrong with it."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(f"peer URL {text!r}: {error}; write http://host:port or https://host:port") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port is None:
        raise ValueError(f"peer URL {text!r} needs a scheme, a host and a port: write http://host:port or https://host:port")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError(f"peer URL {text!r} has more than scheme, host and port: write {parts.scheme}://{parts.hostname}:{port}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def peer_urls(texts: Iterable[str]) -> list[str]:
    """Sorted, each once. Raises `ValueError`."""
    urls = sorted({peer_url(text) for text in texts})
    if len(urls) > PEERS_MAX:
        raise ValueError(f"{len(urls)} peer URLs are over the limit of {PEERS_MAX}")
    return urls
