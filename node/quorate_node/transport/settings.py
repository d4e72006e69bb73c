"""Every limit of the peer transport, by name, with its default."""

from __future__ import annotations

from dataclasses import dataclass, fields

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """Raises `ValueError`, naming the field, the value and the limit, when one makes no sense."""

    advertised_url: str
    """Where the other members reach this one: http(s)://host:port, without a path."""

    frame_bytes_max: int = 64 * MEBIBYTE
    """A frame, before and after decompression. Larger ones are never sent; receiving one closes the connection."""
    batch_bytes_max: int = 4 * MEBIBYTE
    """Messages that waited for a slow connection leave in frames of about this size."""
    queue_messages_max: int = 8192
    """Per peer and class; what does not fit is dropped and counted."""
    heartbeat_queue_bytes_max: int = 1 * MEBIBYTE
    bulk_queue_bytes_max: int = 64 * MEBIBYTE

    compression: bool = False
    compression_bytes_min: int = 4 * KIBIBYTE
    compression_level: int = 1

    dial_timeout_s: float = 2.0
    handshake_timeout_s: float = 2.0
    keepalive_interval_s: float = 0.5
    idle_timeout_s: float = 3.0
    """A connection on which nothing arrived for so long is given up."""
    write_stall_timeout_s: float = 5.0
    """A connection that took no byte of a frame for so long is given up."""
    close_timeout_s: float = 0.5
    backoff_base_s: float = 0.02
    backoff_max_s: float = 1.0
    probe_timeout_s: float = 0.25
    """How long a connection to a peer's port may take when the question is whether its process died."""

    requests_outstanding_max: int = 128
    """Requests to one peer that wait for an answer."""
    requests_served_max: int = 128
    """Requests of one connection that are being answered; more are refused with TooManyRequests."""

    accepted_max: int = 256
    """Peer connections accepted and open."""
    unauthenticated_max: int = 32
    """Those among them that have not finished the handshake."""

    member_binding_required: bool = False
    """TLS: a peer's certificate must name its member, by the URI `quorate://<cluster id>/<member id>` or the DNS name
    `member-<member id>.<cluster id>`. `false`: it may name none. One that names another member is refused in any case."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if value <= 0:
                raise ValueError(f"transport.{field.name} is {value}; it must be greater than 0")
        if 2 * self.keepalive_interval_s > self.idle_timeout_s:
            # The answer to one keepalive may be late; with less room a busy peer would be given up every now and then.
            raise ValueError(
                f"transport.idle_timeout_s is {self.idle_timeout_s}, below twice transport.keepalive_interval_s"
                f" ({self.keepalive_interval_s}); raise the first or lower the second"
            )
        self._check_order("backoff_base_s", "backoff_max_s")
        self._check_order("batch_bytes_max", "frame_bytes_max")
        self._check_order("unauthenticated_max", "accepted_max")
        if self.compression_level > 19:
            raise ValueError(f"transport.compression_level is {self.compression_level}; zstd takes 1 to 19 here")
        if not self.advertised_url.startswith(("http://", "https://")):
            raise ValueError(f"transport.advertised_url is {self.advertised_url!r}; it must be http://host:port or https://host:port")

    def _check_order(self, lower: str, upper: str) -> None:
        low, high = getattr(self, lower), getattr(self, upper)
        if low > high:
            raise ValueError(f"transport.{lower} is {low}, above transport.{upper} {high}; lower the first or raise the second")
