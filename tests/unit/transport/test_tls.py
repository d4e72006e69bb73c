"""Mutual TLS between members: who gets in, who does not, and new files without a restart. Real handshakes on loopback."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from quorate_node.protocol.message import Message, MessageType
from quorate_node.transport.interface import LostReason
from quorate_node.transport.tls import ClientAuthentication, PeerTls, ServerTls
from quorate_node.transport.tls_files import TlsError, TlsFiles
from tests.unit.transport.certificates import Authority, member_uri, write_files
from tests.unit.transport.loopback_members import CLUSTER_ID, Member, StartMember, acquaint


async def start_with(start_member: StartMember, member_id: int, files: TlsFiles, **settings: Any) -> Member:
    tls = PeerTls(files, reload_interval_s=0, verify_hostname=settings.get("verify_hostname", True))
    return await start_member(member_id, tls=tls, server_context=tls.server_context(), **settings)


async def failure_of(member: Member, containing: str) -> str:
    """The last error of a link that is not coming up."""
    async with asyncio.timeout(30):
        while True:
            for link in member.transport.links():
                assert not link.connected
                if containing in link.last_error:
                    return link.last_error
            await asyncio.sleep(0.01)


async def test_members_with_certificates_of_one_authority_talk(start_member: StartMember, tmp_path: Path) -> None:
    authority = Authority()
    members = [
        await start_with(
            start_member,
            member_id,
            write_files(tmp_path / str(member_id), authority.issue(member_uri(CLUSTER_ID, member_id)), authority),
            member_binding_required=True,
        )
        for member_id in (1, 2)
    ]
    await acquaint(*members)
    members[0].transport.send([Message(MessageType.HEARTBEAT, 2, 1, 3)])
    await members[1].recorder.until(lambda: len(members[1].recorder.messages) == 1)


LOCAL_ISSUER = "unable to get local issuer certificate"
EXPIRED = "certificate has expired"
PURPOSE = "unsuitable certificate purpose"


@pytest.mark.parametrize(
    ("case", "refused_when_dialled", "refused_when_dialling"),
    [
        ("foreign authority", LOCAL_ISSUER, LOCAL_ISSUER),
        ("expired", EXPIRED, EXPIRED),
        ("server only", None, PURPOSE),
        ("client only", PURPOSE, None),
        ("another host", "certificate is not valid for '127.0.0.1'", None),
    ],
)
async def test_a_bad_certificate_is_refused_with_the_reason(
    case: str,
    refused_when_dialled: str | None,
    refused_when_dialling: str | None,
    start_member: StartMember,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    authority = Authority()
    issued = {
        "foreign authority": Authority("other CA").issue,
        "expired": lambda: authority.issue(expired=True),
        "server only": lambda: authority.issue(usages=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        "client only": lambda: authority.issue(usages=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        "another host": lambda: authority.issue(names=(member_uri(CLUSTER_ID, 2),)),
    }[case]()
    good = await start_with(start_member, 1, write_files(tmp_path / "good", authority.issue(), authority))
    bad = await start_with(start_member, 2, write_files(tmp_path / "bad", issued, authority))
    good.knows(bad)
    if refused_when_dialled:
        assert refused_when_dialled in await failure_of(good, "no connection to https://")
    else:
        await good.recorder.until(lambda: good.recorder.connected == [2])
    bad.knows(good)
    if refused_when_dialling:
        await failure_of(bad, "no connection to https://")
        assert f"refused a TLS handshake: {refused_when_dialling}" in caplog.text
    else:
        await bad.recorder.until(lambda: bad.recorder.connected == [1])


async def test_a_certificate_of_another_member_is_refused(start_member: StartMember, tmp_path: Path) -> None:
    authority = Authority()
    one = await start_with(start_member, 1, write_files(tmp_path / "1", authority.issue(member_uri(CLUSTER_ID, 1)), authority))
    two = await start_with(start_member, 2, write_files(tmp_path / "2", authority.issue(member_uri(CLUSTER_ID, 3)), authority))
    one.knows(two)
    two.knows(one)
    await failure_of(one, "the certificate is of member 3 of cluster 77, not member 2 of 77")
    await two.recorder.until(lambda: (1, LostReason.REFUSED) in two.recorder.lost)


async def test_a_certificate_without_a_member_is_refused_where_the_binding_is_demanded(start_member: StartMember, tmp_path: Path) -> None:
    authority = Authority()
    bound = authority.issue(member_uri(CLUSTER_ID, 1))
    one = await start_with(start_member, 1, write_files(tmp_path / "1", bound, authority), member_binding_required=True)
    two = await start_with(start_member, 2, write_files(tmp_path / "2", authority.issue(), authority))
    one.knows(two)
    await failure_of(one, "the certificate names no member: add the URI quorate://77/2")


async def test_a_peer_without_tls_is_neither_dialled_nor_let_in(start_member: StartMember, tmp_path: Path) -> None:
    authority = Authority()
    one = await start_with(start_member, 1, write_files(tmp_path / "1", authority.issue(), authority))
    two = await start_member(2)
    one.knows(two)
    await failure_of(one, "never downgraded")
    two.knows(one)
    await failure_of(two, "wants TLS and this member has no peer certificate")


async def test_new_certificates_and_a_new_authority_are_used_without_a_restart(start_member: StartMember, tmp_path: Path) -> None:
    old, new = Authority("old CA"), Authority("new CA")
    one = await start_with(start_member, 1, write_files(tmp_path / "1", old.issue(), old))
    two = await start_with(start_member, 2, write_files(tmp_path / "2", old.issue(), old))
    await acquaint(one, two)
    for name in ("1", "2"):
        write_files(tmp_path / name, new.issue(), new)
    one.transport.send([Message(MessageType.HEARTBEAT, 2, 1, 3)])
    await two.recorder.until(lambda: len(two.recorder.messages) == 1)

    stale = await start_with(start_member, 3, write_files(tmp_path / "3", old.issue(), old, new))
    stale.knows(one)
    await failure_of(stale, "no connection to https://")
    fresh = await start_with(start_member, 4, write_files(tmp_path / "4", new.issue(), new))
    fresh.knows(one)
    await fresh.recorder.until(lambda: fresh.recorder.connected == [1])
    one.transport.set_peers({})
    one.knows(two)
    await one.recorder.until(lambda: one.recorder.connected == [2, 2])


def test_half_replaced_files_leave_the_last_good_ones_in_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority()
    files = write_files(tmp_path / "m", authority.issue(), authority)
    tls = PeerTls(files, reload_interval_s=0)
    before = tls.client_context()
    certificate, key = authority.issue()
    files.certificate.write_bytes(certificate)
    assert tls.client_context() is before
    assert tls.client_context() is before
    assert caplog.text.count("the key does not belong to the certificate") == 1
    files.key.write_bytes(key)
    assert tls.client_context() is not before
    assert tls.reloads == 1


def test_files_are_looked_at_no_more_often_than_the_interval(tmp_path: Path) -> None:
    authority = Authority()
    now = [100.0]
    files = write_files(tmp_path / "m", authority.issue(), authority)
    tls = PeerTls(files, clock=lambda: now[0], reload_interval_s=5)
    before = tls.client_context()
    write_files(tmp_path / "m", authority.issue(), authority)
    now[0] = 104.9
    assert tls.client_context() is before
    now[0] = 105.0
    assert tls.client_context() is not before


def test_files_that_cannot_be_used_at_the_start_are_named(tmp_path: Path) -> None:
    authority = Authority()
    files = write_files(tmp_path / "m", authority.issue(), authority)
    with pytest.raises(TlsError, match="peers need the CA bundle"):
        PeerTls(TlsFiles(files.certificate, files.key))
    with pytest.raises(TlsError, match=r"nothing\.crt: No such file"):
        PeerTls(TlsFiles(tmp_path / "nothing.crt", files.key, files.authority))
    with pytest.raises(TlsError, match="needs a CA bundle"):
        ServerTls(TlsFiles(files.certificate, files.key), authentication=ClientAuthentication.REQUIRED)
    assert files.authority is not None
    files.authority.write_bytes(b"no PEM")
    with pytest.raises(TlsError, match=r"CA bundle .*ca\.crt"):
        PeerTls(files)


@pytest.mark.parametrize(
    ("authentication", "shows_certificate", "admitted"),
    [
        (ClientAuthentication.NONE, False, True),
        (ClientAuthentication.OPTIONAL, False, True),
        (ClientAuthentication.OPTIONAL, True, True),
        (ClientAuthentication.REQUIRED, True, True),
        (ClientAuthentication.REQUIRED, False, False),
    ],
)
async def test_the_api_asks_for_client_certificates_as_configured(
    authentication: ClientAuthentication, shows_certificate: bool, admitted: bool, tmp_path: Path
) -> None:
    authority = Authority()
    files = write_files(tmp_path / "m", authority.issue(), authority)
    assert await _talk(ServerTls(files, authentication=authentication), files if shows_certificate else None, authority) == admitted


async def test_the_api_speaks_no_tls_below_1_2_and_the_peers_none_below_1_3(tmp_path: Path) -> None:
    authority = Authority()
    files = write_files(tmp_path / "m", authority.issue(), authority)
    assert ServerTls(files).server_context().minimum_version == ssl.TLSVersion.TLSv1_2
    assert await _talk(ServerTls(files), None, authority, ssl.TLSVersion.TLSv1_2)
    assert not await _talk(PeerTls(files), files, authority, ssl.TLSVersion.TLSv1_2)
    assert await _talk(PeerTls(files), files, authority, ssl.TLSVersion.TLSv1_3)


async def _talk(
    tls: ServerTls | PeerTls, shown: TlsFiles | None, authority: Authority, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> bool:
    """Whether a client of that TLS version, showing that certificate, gets a byte through and back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=tls.server_context())
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.maximum_version = version
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    try:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(b"x")
        answer = await reader.read(1)
        writer.close()
    except (ssl.SSLError, ConnectionError):
        return False
    finally:
        server.close()
    return answer == b"x"
