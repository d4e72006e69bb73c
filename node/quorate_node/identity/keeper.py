"""Keeps the member's certificate: there before the member starts, renewed at half of its life, and whenever what it must say has changed.

TLS takes new files up by itself at the next handshake (`transport.tls_files`): nothing restarts. With the operator or the API server gone
the member goes on with what it has, and one that starts again does too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import random as system_random

from quorate_node.identity.asking import NotIssued, Wanted, ask
from quorate_node.identity.facts import RENEWED_BELOW, NoCertificate, fits, utc_now
from quorate_node.identity.files import MemberKey, own_key, write_whole
from quorate_node.identity.report import CertificateReporter
from quorate_node.kubernetes.client import ApiClient
from quorate_node.kubernetes.errors import ApiFailure
from quorate_node.resilience.backoff import Backoff
from quorate_node.transport.binding import NON_VOTING, member_uri, names_member
from quorate_node.transport.tls_files import TlsFiles

log = logging.getLogger(__name__)

LOOK_INTERVAL_S = 1.0
UNBOUND_INTERVAL_S = 0.1
"""Until the certificate says which member it is of, nobody talks to this one: then every moment counts."""
BACKOFF_BASE_S = 1.0
BACKOFF_MAX_S = 120.0
RENEWAL_SPREAD = 0.05
"""Members that were signed together do not all ask in the same second: each draws where before half-life it does."""

MemberIdentity = Callable[[], tuple[int, int]]
"""Cluster id and member id; zeros while the data directory has none."""


class CertificateKeeper:
    """`ready` before anything listens, then `run` until cancelled. `host_names`: DNS names of this member, as they are signed.

    `non_voting`: the certificate says that its member never votes, from the first one on.
    """

    def __init__(
        self,
        client: ApiClient,
        files: TlsFiles,
        name: str,
        host_names: tuple[str, ...],
        signer: str,
        labels: tuple[tuple[str, str], ...] = (),
        *,
        common_name: str = "",
        non_voting: bool = False,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = system_random,
    ) -> None:
        assert files.authority is not None
        self._client = client
        self._files = files
        self._bundle = files.authority.read_bytes
        self._common_name = common_name or name
        self._non_voting = non_voting
        self._host_names = tuple(sorted(host.replace("{name}", name) for host in host_names))
        self._signer = signer
        self._labels = labels
        self._now = now
        self._sleep = sleep
        self._backoff = Backoff(BACKOFF_BASE_S, BACKOFF_MAX_S, random)
        self._renewed_below = RENEWED_BELOW + RENEWAL_SPREAD * random()
        self._key: MemberKey | None = None
        self.reporter = CertificateReporter(files, lambda: self.trouble, now)
        self.trouble = ""
        """Why there is no newer certificate; empty when the last try went well."""

    def _wanted(self, identity: tuple[int, int]) -> Wanted:
        cluster_id, member_id = identity
        unbound = (NON_VOTING,) if self._non_voting else ()
        bound = (member_uri(cluster_id, member_id, non_voting=self._non_voting),) if cluster_id and member_id else unbound
        return Wanted(self._common_name, (*self._host_names, *bound), self._signer, self._labels)

    def _has_one(self, key: MemberKey) -> bool:
        """A certificate of this key, whatever its date: its time may not have come by a clock that is wrong, and renewal is under way."""
        try:
            return self.reporter.facts() is not None and fits(self._files.certificate.read_bytes(), key)
        except (OSError, NoCertificate):
            return False

    async def ready(self) -> None:
        """There is a key, and a certificate of it. Waits for the first one as long as it takes. Raises `TlsError`, `OSError`."""
        self._key = own_key(self._files.key)
        while not self._has_one(self._key):
            await self._try(self._key, (0, 0))

    async def close(self) -> None:
        await self._client.close()

    async def run(self, identity: MemberIdentity) -> None:
        """Until it is cancelled."""
        assert self._key is not None, "ready comes first"
        while True:
            try:
                why = self.due(identity())
                if why:
                    log.info("the certificate is asked for anew: %s", why)
                    await self._try(self._key, identity())
            except Exception as error:
                # Nothing that goes wrong here may end the renewals, and with them the member, in ninety days.
                log.exception("the certificate was not looked after")
                self.trouble = f"{type(error).__name__} (the log has where)"
            await self._sleep(LOOK_INTERVAL_S if self._bound() else UNBOUND_INTERVAL_S)

    def _bound(self) -> bool:
        facts = self.reporter.facts()
        return facts is not None and any(map(names_member, facts.names))

    def due(self, identity: tuple[int, int]) -> str:
        """Why a new certificate is wanted; empty when it is not."""
        facts = self.reporter.facts()
        if facts is None:
            return "there is none that can be read"
        wanted = tuple(sorted(self._wanted(identity).names))
        if facts.names != wanted:
            # Before it has an identity, a member that has one in its certificate is only starting: it goes on with it.
            known = identity != (0, 0)
            lacking = sorted(set(wanted) - set(facts.names) - ({NON_VOTING} if not known and self._bound() else set()))
            return f"it lacks {', '.join(lacking)}" if lacking else "it has other names than it should" if known else ""
        if facts.left(self._now()) < self._renewed_below:
            return "half of its life is over"
        if facts.trusted and facts.authority != facts.trusted[0]:
            return "another CA signs now"
        return ""

    async def _try(self, key: MemberKey, identity: tuple[int, int]) -> None:
        """One request; after one that failed, a pause."""
        try:
            issued = await ask(self._client, key, self._wanted(identity), self._bundle, self._sleep)
            write_whole(self._files.certificate, issued)
        except (ApiFailure, NotIssued, OSError) as error:
            if str(error) != self.trouble:
                log.warning("there is no new certificate: %s", error)
            self.trouble = str(error)
            await self._sleep(BACKOFF_BASE_S + self._backoff.next_delay_s())
            return
        self.trouble = ""
        self._backoff.reset()
        log.info("a new certificate is in use: %s", self._files.certificate)
