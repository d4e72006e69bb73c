"""Every limit of the API, named, with its default and what happens when it is hit (each is counted in a metric)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ApiSettings:
    """Limits and timeouts of the HTTP API. Sizes in bytes, times in milliseconds."""

    body_bytes_max: int = 4 * 1024 * 1024
    """A larger JSON body is refused (`BodyTooLarge`) by its Content-Length, before it is read."""
    head_bytes_max: int = 16 * 1024
    """Request line and headers together; more is refused and the connection closed."""
    head_fields_max: int = 100
    """Header fields of one request; more is refused and the connection closed."""
    target_bytes_max: int = 8 * 1024
    """Path and query; longer is refused and the connection closed."""
    head_cache_entries_max: int = 1024
    """Parsed header blocks kept for reuse; the cache is emptied when it is full."""
    pipelining_depth_max: int = 64
    """Requests of one connection that may be open; reading pauses at the limit."""
    requests_inflight_max: int = 8192
    """Requests of all connections that may be open; more are refused with `TooManyRequests`."""
    connections_max: int = 20_000
    """Open connections; more are closed at once."""
    connections_per_source_max: int = 10_000
    """Open connections of one IPv4 address or one IPv6 /64; more are closed at once. Clients behind one proxy are one source."""
    tls_handshake_timeout_ms: int = 10_000
    """From accepting a TLS connection to the end of its handshake."""
    header_timeout_ms: int = 10_000
    """From the first byte of a request to the end of its headers."""
    body_timeout_ms: int = 30_000
    """From the end of the headers to the end of the body, on top of what `body_rate_min_bytes_per_s` allows for its size."""
    body_rate_min_bytes_per_s: int = 16 * 1024
    """A body may take its size divided by this, plus `body_timeout_ms`."""
    idle_timeout_ms: int = 75_000
    """A connection without a request is closed after this."""
    write_timeout_ms: int = 30_000
    """A client that reads nothing for so long while answers wait is cut off (`SlowConsumer`)."""
    write_buffer_bytes_max: int = 256 * 1024
    """Unsent answers of a connection above which no further request of it is read."""
    request_timeout_ms: int = 10_000
    """Time an operation may take when the request does not say (`x-quorate-timeout-ms`)."""
    request_timeout_ms_max: int = 600_000
    """The largest time a request may ask for."""
    drain_timeout_ms: int = 5_000
    """On shutdown: time for open requests to finish before connections are cut."""
    ready_grace_ms: int = 5_000
    """A voter stays ready for so long after a quorum last confirmed that it has caught up: longer than an election takes, so that one
    does not take all members out of their Service, and short enough that one without a quorum leaves it."""
    stream_inflight_max: int = 4096
    """Open requests of one binary stream; the server stops reading it at the limit."""
    stream_message_bytes_max: int = 8 * 1024 * 1024
    """Largest message of the binary stream and of the WebSockets; a larger one closes the connection (code 1009)."""
    watches_per_connection_max: int = 10_000
    """Watches of one WebSocket; more are refused with `TooManyWatches`."""
    watch_outbox_messages_max: int = 256
    """Messages of one watch WebSocket not yet written; watches wait at the limit (history, not memory, holds what is to come)."""
    keepalive_leases_max: int = 10_000
    """Leases of one keep-alive request."""
    progress_interval_ms: int = 15_000
    """Comments that keep an idle server-sent event stream alive through proxies are sent so often."""
    restore_bytes_max: int = 64 * 1024 * 1024 * 1024
    """Largest snapshot file that `POST /v1/restore` takes."""
    hosts_allowed: tuple[str, ...] = ()
    """Host names (without port) a browser may use besides `localhost` and IP addresses; when not empty, for every client."""
