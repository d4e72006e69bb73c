"""The same port with TLS, and on uvloop: nothing of the connection may depend on a plain asyncio socket."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import aiohttp
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from quorate_node.api.http.app import ApiServer
from quorate_node.api.settings import ApiSettings
from quorate_node.telemetry.telemetry import Telemetry
from tests.unit.api.service import SingleMember


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(server, client) with a certificate made for this test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "cert.pem").write_bytes(pem)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


async def tour(tls: tuple[ssl.SSLContext, ssl.SSLContext] | None) -> None:
    """Hot and general requests, a stream, a watch, and a shutdown, on one server."""
    server = ApiServer(SingleMember(), ApiSettings(drain_timeout_ms=2000), Telemetry())
    await server.start()
    port = await server.listen("127.0.0.1", 0, tls[0] if tls else None)
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    connector = aiohttp.TCPConnector(ssl=tls[1] if tls else True)
    async with aiohttp.ClientSession(url, connector=connector) as http:
        for value in ("1", "2"):
            async with http.post("/v1/put", json={"key": "a", "value": value, "encoding": "text"}) as answer:
                assert answer.status == 200
            async with http.get("/v1/status") as answer:
                assert (await answer.json())["role"] == "leader"
        async with http.post("/v1/put", data=b"x" * 200_000, headers={"content-type": "application/json"}) as answer:
            assert answer.status == 400
        async with http.ws_connect("/v1/stream") as socket:
            await socket.send_bytes(b"\x91\x97\x01\x10\x00\x00\x00\x00\x91\xc4\x01a")
            assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.BINARY
        async with http.get("/v1/watch?key=a&encoding=text") as response:
            assert await response.content.readline() == b"event: created\n"
            closing = asyncio.create_task(server.close())
            assert b"ShuttingDown" in await response.content.read()
    await closing


async def test_everything_works_over_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    await tour(contexts)


@pytest.mark.parametrize("encrypted", [False, True])
def test_everything_works_on_uvloop(contexts: tuple[ssl.SSLContext, ssl.SSLContext], encrypted: bool) -> None:
    uvloop.run(asyncio.wait_for(tour(contexts if encrypted else None), 20))


async def test_a_client_that_never_shakes_hands_is_cut_off(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server = ApiServer(SingleMember(), ApiSettings(tls_handshake_timeout_ms=200), Telemetry())
    await server.start()
    port = await server.listen("127.0.0.1", 0, contexts[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await server.close()
