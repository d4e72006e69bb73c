"""TLS for peers and for clients, from files, by one policy; new files are used by the next handshake, without a restart.

Peers: TLS 1.3, both sides show a certificate of the peers' CA. Clients: TLS 1.2 or later; client certificates by choice. Neither looks at
the system's CAs, and neither resumes sessions: a resumed one would skip the check against a CA bundle that has changed since.
"""

from __future__ import annotations

import logging
import ssl
import time
from enum import Enum

from quorate_node.resilience.limiter import TokenBucket
from quorate_node.transport.interface import Clock
from quorate_node.transport.tls_files import ReloadingContext, TlsError, TlsFiles

log = logging.getLogger(__name__)

RELOAD_INTERVAL_S = 1.0
WARNINGS_PER_S = 1.0
WARNINGS_BURST = 20


class ClientAuthentication(Enum):
    """What the API asks of a client's certificate."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


_VERIFY_MODES = {
    ClientAuthentication.NONE: ssl.CERT_NONE,
    ClientAuthentication.OPTIONAL: ssl.CERT_OPTIONAL,
    ClientAuthentication.REQUIRED: ssl.CERT_REQUIRED,
}


class ServerTls:
    """`server_context()` is given to the listening socket once, and hands each handshake to the context of the current files.

    `authentication` other than NONE needs `files.authority`. Raises `TlsError` when the files cannot be used at the start.
    """

    def __init__(
        self,
        files: TlsFiles,
        *,
        authentication: ClientAuthentication = ClientAuthentication.NONE,
        minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        clock: Clock = time.monotonic,
        reload_interval_s: float = RELOAD_INTERVAL_S,
    ) -> None:
        if authentication is not ClientAuthentication.NONE and files.authority is None:
            raise TlsError(f"client authentication {authentication.value} needs a CA bundle to check certificates against")
        self._verify_mode = _VERIFY_MODES[authentication]
        self._minimum_version = minimum_version
        self._warnings = TokenBucket(WARNINGS_PER_S, WARNINGS_BURST, clock)
        self._source = ReloadingContext(files, self._build, clock, reload_interval_s)

    def _build(self, files: TlsFiles) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum_version
        context.verify_mode = self._verify_mode
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.num_tickets = 0
        files.load_into(context)
        return context

    def server_context(self) -> ssl.SSLContext:
        """The listening socket's. Its own certificate is never shown: every handshake is handed on before one is chosen."""
        context = self._build(self._source.files)
        context.sni_callback = self._hand_over
        context.sslobject_class = _logging_handshakes(self._warnings)
        return context

    def _hand_over(self, handshake: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        # OpenSSL calls this for every handshake, also when the client names no server.
        handshake.context = self._source.current()

    @property
    def reloads(self) -> int:
        return self._source.reloads


def _logging_handshakes(warnings: TokenBucket) -> type[ssl.SSLObject]:
    """An SSL object that says why a handshake failed: asyncio drops the reason, and a refused peer would be a riddle."""

    class LoggedHandshake(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                if not warnings.take():
                    log.warning("refused a TLS handshake: %s", getattr(error, "verify_message", "") or error.reason or error)
                raise

    return LoggedHandshake


class PeerTls:
    """Mutual TLS 1.3 between members. Each certificate must be good for both sides: extended key usage, if any, server and client.

    Raises `TlsError` when the files cannot be used at the start.
    """

    def __init__(
        self,
        files: TlsFiles,
        *,
        verify_hostname: bool = True,
        clock: Clock = time.monotonic,
        reload_interval_s: float = RELOAD_INTERVAL_S,
    ) -> None:
        if files.authority is None:
            raise TlsError("peers need the CA bundle that signs the members' certificates")
        self._verify_hostname = verify_hostname
        self._server = ServerTls(
            files,
            authentication=ClientAuthentication.REQUIRED,
            minimum_version=ssl.TLSVersion.TLSv1_3,
            clock=clock,
            reload_interval_s=reload_interval_s,
        )
        self._source = ReloadingContext(files, self._build, clock, reload_interval_s)

    def _build(self, files: TlsFiles) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = self._verify_hostname
        files.load_into(context)
        return context

    def server_context(self) -> ssl.SSLContext:
        return self._server.server_context()

    def client_context(self) -> ssl.SSLContext:
        return self._source.current()

    @property
    def reloads(self) -> int:
        return self._source.reloads
