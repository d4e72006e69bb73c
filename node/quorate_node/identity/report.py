"""What a member says of its certificate (`GET /v1/status`), wherever that comes from; and the alarms when it is not renewed in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from quorate_node.identity.facts import DEGRADED_BELOW, Facts, NoCertificate, read, utc_now
from quorate_node.transport.tls_files import TlsFiles


@dataclass(frozen=True)
class CertificateReport:
    """Times in RFC 3339, UTC. `authority` and `trusted`: SHA-256 fingerprints of CA certificates (`facts`)."""

    not_before: str
    expires_at: str
    authority: str
    trusted: tuple[str, ...]


class CertificateReporter:
    """Reads the files again when they change. `trouble`: why they are not renewed, in words; empty when nothing is wrong."""

    def __init__(self, files: TlsFiles, trouble: Callable[[], str] = str, now: Callable[[], datetime] = utc_now) -> None:
        assert files.authority is not None, "members' certificates are checked against a bundle"
        self._files = files
        self._authority = files.authority
        self._trouble = trouble
        self._now = now
        self._seen: object = None
        self._facts: Facts | None = None
        self._unreadable = ""

    def facts(self) -> Facts | None:
        """None: the files cannot be read now (half replaced, or gone)."""
        try:
            seen = self._files.signature()
            if seen != self._seen:
                self._facts = read(self._files.certificate.read_bytes(), self._authority.read_bytes())
                self._seen, self._unreadable = seen, ""
        except (OSError, NoCertificate) as error:
            self._facts, self._seen, self._unreadable = None, None, str(error)
        return self._facts

    def report(self) -> CertificateReport | None:
        facts = self.facts()
        if facts is None:
            return None
        return CertificateReport(_written(facts.not_before), _written(facts.not_after), facts.authority, facts.trusted)

    def alarms(self) -> tuple[str, ...]:
        facts, trouble = self.facts(), self._trouble()
        if facts is None:
            return (f"CertificateUnreadable: {self._unreadable}",)
        left = facts.left(self._now())
        because = f": {trouble}" if trouble else ""
        if left <= 0:
            return (f"CertificateExpired: since {_written(facts.not_after)} nobody accepts this member's certificate{because}",)
        if left < DEGRADED_BELOW:
            return (f"CertificateExpiring: it ends at {_written(facts.not_after)} and was not renewed{because}",)
        return ()


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
