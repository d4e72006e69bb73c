"""What a failed connection is called."""

from __future__ import annotations

import errno
import socket

import aiohttp
import pytest

from quorate.failures import hung_up, in_words


async def test_a_refused_connection_speaks_of_no_ssl() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientConnectorError) as refused:
                await http.get(f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert "ssl" in str(refused.value), "else the library's own words would do"
    words = in_words(refused.value)
    assert words.startswith("no connection: ") and "ssl" not in words and "127.0.0.1" in words


def test_others_keep_their_own_words_and_are_never_nameless() -> None:
    assert in_words(aiohttp.ClientError("the reason")) == "the reason"
    assert in_words(TimeoutError()) == "TimeoutError"


def test_who_hangs_up_was_there() -> None:
    assert hung_up(aiohttp.ServerDisconnectedError()) and hung_up(ConnectionResetError(errno.ECONNRESET, "reset"))
    assert not hung_up(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) and not hung_up(TimeoutError())
