"""Certificate files that may be replaced at any moment, by an operator or a Secret's volume."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quorate_node.transport.interface import Clock

log = logging.getLogger(__name__)

Build = Callable[["TlsFiles"], ssl.SSLContext]
_Signature = tuple[tuple[int, int, int], ...]


class TlsError(Exception):
    """Files that make no usable context: says which, and why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files. `authority`: the bundle that the other side's certificate must chain to."""

    certificate: Path
    key: Path
    authority: Path | None = None

    def signature(self) -> _Signature:
        """Changes when a file is written, replaced, or when a symbolic link to it moves. Raises `OSError`."""
        paths = (self.certificate, self.key) + ((self.authority,) if self.authority else ())
        return tuple((status.st_ino, status.st_mtime_ns, status.st_size) for status in map(Path.stat, paths))

    def load_into(self, context: ssl.SSLContext) -> None:
        """Raises `TlsError`, naming the file."""
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise TlsError(f"certificate {self.certificate} with key {self.key}: {_cause(error)}") from error
        if self.authority is not None:
            try:
                context.load_verify_locations(self.authority)
            except (OSError, ssl.SSLError) as error:
                raise TlsError(f"CA bundle {self.authority}: {_cause(error)}") from error


def _no_password() -> str:
    raise TlsError("the key is encrypted: a member needs one without a passphrase, readable by it alone")


def _cause(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    return str(error)


class ReloadingContext:
    """The context of the files as they are now. They are looked at when it is asked for, at most every `reload_interval_s`.

    Files that cannot be used (half replaced, expired is not among them) leave the last good context in place, with a warning. Only the
    first load raises `TlsError`.
    """

    def __init__(self, files: TlsFiles, build: Build, clock: Clock, reload_interval_s: float) -> None:
        assert reload_interval_s >= 0
        self.files = files
        self._build = build
        self._clock = clock
        self._reload_interval_s = reload_interval_s
        self._looked_s = clock()
        try:
            self._signature: _Signature | None = files.signature()
        except OSError as error:
            raise TlsError(f"{error.filename}: {error.strerror}") from error
        self._context = build(files)
        self._warned_of: object = None
        self.reloads = 0

    def current(self) -> ssl.SSLContext:
        now_s = self._clock()
        if now_s - self._looked_s >= self._reload_interval_s:
            self._looked_s = now_s
            self._look()
        return self._context

    def _look(self) -> None:
        signature: _Signature | None = None
        try:
            signature = self.files.signature()
            if signature == self._signature:
                return
            self._context = self._build(self.files)
        except (OSError, TlsError) as error:
            # The next look tries again: a writer may be between the certificate and its key.
            if self._warned_of != (signature, str(error)):
                self._warned_of = (signature, str(error))
                log.warning("new TLS files are not used yet, the last good ones stay: %s", error)
            return
        self._signature = signature
        self.reloads += 1
        log.info("TLS files reloaded: %s", self.files.certificate)
