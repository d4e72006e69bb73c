"""What a failed connection is called when a person reads it."""

from __future__ import annotations

import errno

import aiohttp


def in_words(failed: BaseException) -> str:
    """Why a member could not be reached, without the words of the library (which speaks of ssl where there is none)."""
    if isinstance(failed, aiohttp.ClientConnectorError) and not isinstance(failed, aiohttp.ClientSSLError):
        why = failed.os_error
        return f"no connection: {why.strerror or why}"
    return str(failed) or type(failed).__name__


def hung_up(failed: BaseException) -> bool:
    """Whether a connection was made, and ended by the other side before it answered: so does a port that wants TLS and hears none."""
    return isinstance(failed, aiohttp.ServerDisconnectedError) or (isinstance(failed, OSError) and failed.errno == errno.ECONNRESET)
