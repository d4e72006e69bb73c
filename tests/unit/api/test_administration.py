"""Where administrators are named, the routes that change a whole cluster are theirs alone. Real handshakes on loopback."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from quorate_node.api.http.administration import Administrators
from quorate_node.api.http.app import ApiServer
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.routes import ROUTES, Access
from quorate_node.api.settings import ApiSettings
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.tls import ClientAuthentication, ServerTls
from tests.unit.api.service import SingleMember
from tests.unit.transport.certificates import Authority, member_uri, write_files

OPERATOR = "quorate://operator"
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
BY_NAME = {route.name: route for route in ROUTES}
CALLS = {"member_remove": ("DELETE", "/v1/members/5"), "leader_transfer": ("POST", "/v1/leader/transfer"), "put": ("POST", "/v1/put")}
REFUSED = {"Unauthenticated", "PermissionDenied"}

Call = Callable[[str, "tuple[bytes, bytes] | None"], Awaitable[str]]


@pytest.fixture
async def authority() -> Authority:
    return Authority()


@pytest.fixture
async def call(authority: Authority, tmp_path: Path) -> AsyncIterator[Call]:
    """Use a route with a client certificate, or none; gives the error's name, or nothing."""
    tls = ServerTls(write_files(tmp_path / "server", authority.issue(), authority), authentication=ClientAuthentication.OPTIONAL)
    server = ApiServer(SingleMember(), ApiSettings(drain_timeout_ms=1000), Telemetry(), (OPERATOR,))
    await server.start()
    port = await server.listen("127.0.0.1", 0, tls.server_context())

    async def use(name: str, issued: tuple[bytes, bytes] | None) -> str:
        context = ssl.create_default_context(cadata=authority.pem.decode())
        if issued is not None:
            files = write_files(tmp_path / "client", issued, authority)
            context.load_cert_chain(files.certificate, files.key)
        method, path = CALLS[name]
        body = {"key": "YQ==", "value": ""} if name == "put" else None
        async with (
            aiohttp.ClientSession(f"https://127.0.0.1:{port}", connector=aiohttp.TCPConnector(ssl=context)) as http,
            http.request(method, path, json=body) as answer,
        ):
            return str((await answer.json()).get("error", ""))

    yield use
    await server.close()


async def test_only_the_administrators_certificate_changes_the_cluster(call: Call, authority: Authority) -> None:
    operator = authority.issue(names=(x509.UniformResourceIdentifier(OPERATOR),), usages=CLIENT)
    somebody = authority.issue(names=(x509.DNSName("somebody"),), usages=CLIENT)
    for name in ("member_remove", "leader_transfer"):
        assert await call(name, operator) not in REFUSED
        assert await call(name, somebody) == "PermissionDenied"
        assert await call(name, None) == "Unauthenticated"


async def test_clients_read_and_write_without_any(call: Call) -> None:
    assert await call("put", None) == ""


async def test_a_member_may_hand_its_own_leadership_over_and_no_more(call: Call, authority: Authority) -> None:
    member = SingleMember()
    own = authority.issue(member_uri(member.cluster_id, member.status().member_id))
    other = authority.issue(member_uri(member.cluster_id, member.status().member_id + 1))
    assert await call("leader_transfer", own) not in REFUSED
    assert await call("member_remove", own) == "PermissionDenied"
    assert await call("leader_transfer", other) == "PermissionDenied"


async def test_a_certificate_of_another_authority_is_not_even_shaken_hands_with(call: Call) -> None:
    foreign = Authority("other CA").issue(names=(x509.UniformResourceIdentifier(OPERATOR),), usages=CLIENT)
    with pytest.raises(aiohttp.ClientError):
        await call("member_remove", foreign)


def test_a_member_without_an_identity_has_no_certificate_of_its_own() -> None:
    """Zeros are what an empty data directory has, not a name that a certificate could carry."""
    certificate = {"subjectAltName": (("URI", "quorate://0/0"),)}
    with pytest.raises(Problem):
        Administrators((OPERATOR,)).judge_certificate(BY_NAME["leader_transfer"], certificate, (0, 0))


def test_a_name_of_another_kind_is_no_administrator() -> None:
    certificate = {"subjectAltName": (("email", OPERATOR),), "subject": ((("commonName", OPERATOR),),)}
    with pytest.raises(Problem):
        Administrators((OPERATOR,)).judge_certificate(BY_NAME["member_add"], certificate, (1, 2))


def test_everything_that_changes_the_cluster_is_guarded() -> None:
    """A new route below these paths must say for whom it is."""
    cluster_wide = ("/v1/members", "/v1/leader/", "/v1/bootstrap", "/v1/restore", "/v1/snapshot")
    for route in ROUTES:
        expected = route.path.startswith(cluster_wide) and (route.method != "GET" or route.name == "snapshot")
        assert (route.access is not Access.CLIENT) == expected, route.name
