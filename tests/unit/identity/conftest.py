from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from quorate_node.identity.keeper import CertificateKeeper
from quorate_node.kubernetes.client import ApiClient
from quorate_node.kubernetes.credentials import Surroundings
from quorate_node.transport.tls_files import TlsFiles
from tests.unit.identity.issuer import Requests, certificate, serving, signed
from tests.unit.transport.certificates import Authority

HOSTS = ("{name}.orders-members.shop.svc", "orders.shop.svc")
MakeKeeper = Callable[..., CertificateKeeper]


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> TlsFiles:
    """The bundle is there, as a ConfigMap is when the pod starts; key and certificate are not."""
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    return TlsFiles(tmp_path / "tls" / "tls.crt", tmp_path / "tls" / "tls.key", tmp_path / "ca.crt")


@pytest.fixture
async def requests(authority: Authority) -> AsyncIterator[Requests]:
    """Signs what it is asked."""
    async with serving(Requests(lambda request: certificate(signed(authority, request)))) as found:
        yield found


@pytest.fixture
async def client(requests: Requests, tmp_path: Path) -> AsyncIterator[ApiClient]:
    (tmp_path / "token").write_text("token")
    found = ApiClient(Surroundings(requests.url, "shop", tmp_path / "token", tmp_path / "api-ca.crt"))
    yield found
    await found.close()


async def hurried(wanted_s: float) -> None:
    """A thousand times the speed: every wait is still a wait."""
    await asyncio.sleep(wanted_s / 1000)


@pytest.fixture
def make_keeper(client: ApiClient, files: TlsFiles) -> MakeKeeper:
    def make(**arguments: Any) -> CertificateKeeper:
        return CertificateKeeper(client, files, "orders-0", HOSTS, "quorate.io/member", sleep=hurried, **arguments)

    return make
