"""Clusters over mutual TLS: each member's files are in its own directory, where its settings name them and a test may replace them."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.cluster.harness.api import Api
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.member import Member
from tests.unit.transport.certificates import Authority, write_files

FILES = {"certificate_file": "tls.crt", "key_file": "tls.key", "client_ca_file": "ca.crt", "peer_ca_file": "ca.crt"}


class TlsApi(Api):
    def __init__(self, context: ssl.SSLContext, timeout_s: float = 5.0) -> None:
        super().__init__(timeout_s)
        self._context = context

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._context)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=self._timeout_s + 1.0))
        return self


class TlsMember(Member):
    context: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=1.0, context=self.context) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


class TlsCluster(ClusterUnderTest):
    """Every member's certificate is of `authority`; clients have one too. `names` are those of the certificates, if not loopback's."""

    def __init__(
        self, directory: Path, authority: Authority, settings: Mapping[str, Mapping[str, Any]] | None = None, **issued: Any
    ) -> None:
        self.authority = authority
        self._issued = issued
        self.client_files = write_files(directory / "client", authority.issue(), authority)
        super().__init__(directory, settings=settings)
        self.api = TlsApi(self.client_context())

    def client_context(self) -> ssl.SSLContext:
        """Clients here check the authority, not the name: what members check of each other is what the tests are about."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        self.client_files.load_into(context)
        return context

    def _member(self, number: int, directory: Path) -> Member:
        plain = super()._member(number, directory)
        return self.tls_member(number, directory, plain.settings)

    def tls_member(self, number: int, directory: Path, settings: Mapping[str, Mapping[str, Any]]) -> TlsMember:
        listen = dict(settings["listen"]) | {"peer_url": settings["listen"]["peer_url"].replace("http://", "https://")}
        peers = [url.replace("http://", "https://") for url in settings["discovery"]["peers"]]
        tls = {**FILES, **settings.get("tls", {})}
        changed = {**settings, "listen": listen, "discovery": {"peers": peers}, "tls": tls}
        member = TlsMember(number, directory, int(listen["port"]), changed)
        member.context = self.client_context()
        write_files(directory, self.authority.issue(**self._issued), self.authority)
        return member
