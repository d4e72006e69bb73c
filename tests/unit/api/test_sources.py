"""Who counts as one source of connections."""

from __future__ import annotations

import pytest

from quorate_node.api.http.sources import Sources, source_of


@pytest.mark.parametrize(
    ("peername", "source"),
    [
        (("192.0.2.7", 4711), "192.0.2.7"),
        (("::ffff:192.0.2.7", 4711, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 4711, 0, 0), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1", 4711, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 4711, 0, 2), "fe80::/64"),
        ("/run/socket", ""),
        (None, ""),
    ],
)
def test_an_ipv4_address_or_an_ipv6_network_is_a_source(peername: object, source: str) -> None:
    assert source_of(peername) == source


def test_only_sources_with_open_connections_are_kept() -> None:
    sources = Sources()
    assert [sources.enter("a"), sources.enter("a"), sources.enter("b")] == [1, 2, 1]
    sources.leave("a")
    sources.leave("b")
    assert len(sources) == 1
    sources.leave("a")
    assert len(sources) == 0
