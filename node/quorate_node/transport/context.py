"""What every connection of one transport shares."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from quorate_node.transport.binding import Certificate
from quorate_node.transport.counters import TransportCounters
from quorate_node.transport.frames import FrameCodec
from quorate_node.transport.interface import Clock, Identity, Receiver, Sleep
from quorate_node.transport.sealing import Sealing
from quorate_node.transport.settings import TransportSettings


class DialPolicy(Protocol):
    """TLS for connections that this member dials (`transport.tls.PeerTls`)."""

    def client_context(self) -> ssl.SSLContext: ...


@dataclass(slots=True)
class TransportContext:
    settings: TransportSettings
    receiver: Receiver
    codec: FrameCodec
    counters: TransportCounters
    clock: Clock
    sleep: Sleep
    random: Callable[[], float]
    tls: DialPolicy | None = None
    sealing: Sealing | None = None
    """None: no keyring was given, nothing is sealed, and handshakes say so."""
    met: dict[int, Identity] = field(default_factory=dict)
    """The newest that each admitted member said of itself (`admission`)."""


PeerCertificate = Certificate | None
"""None: the connection is not TLS, or the other side showed no certificate."""
