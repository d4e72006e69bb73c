"""The part of an API server that a member sees when it asks for a certificate; what is answered, the test says."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.unit.transport.certificates import Authority

COLLECTION = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
Answer = Callable[[x509.CertificateSigningRequest], dict[str, Any]]
"""From the request to the object's status."""


def names_of(extensions: x509.Extensions) -> list[x509.GeneralName]:
    return list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def signed(
    authority: Authority,
    request: x509.CertificateSigningRequest,
    *,
    age: dt.timedelta = dt.timedelta(minutes=5),
    life: dt.timedelta = dt.timedelta(days=90),
    names: list[x509.GeneralName] | None = None,
    key: Any = None,
) -> bytes:
    """PEM; begun `age` ago."""
    begun = dt.datetime.now(dt.UTC) - age
    builder = x509.CertificateBuilder().subject_name(request.subject).issuer_name(authority.name)
    builder = builder.public_key(key or request.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begun).not_valid_after(begun + life)
    builder = builder.add_extension(x509.SubjectAlternativeName(names or names_of(request.extensions)), critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def certificate(pem: bytes) -> dict[str, Any]:
    return {"certificate": base64.b64encode(pem).decode(), "conditions": [{"type": "Approved", "status": "True"}]}


def denied(message: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Denied", "status": "True", "reason": "NotExpected", "message": message}]}


class Requests:
    """`answer` may be changed at any time; an empty status: nobody answered yet."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.created: list[dict[str, Any]] = []
        self.url = ""
        self.away = False

    @property
    def parsed(self) -> list[x509.CertificateSigningRequest]:
        return [x509.load_pem_x509_csr(base64.b64decode(item["spec"]["request"])) for item in self.created]

    async def create(self, request: web.Request) -> web.Response:
        if self.away:
            return web.json_response({"kind": "Status", "message": "starting", "reason": "ServiceUnavailable"}, status=503)
        item = await request.json()
        item["metadata"]["name"] = f"{item['metadata'].pop('generateName')}{len(self.created)}"
        self.created.append(item)
        return web.json_response(item, status=201)

    async def get(self, request: web.Request) -> web.Response:
        number = int(request.match_info["name"].rpartition("-")[2])
        return web.json_response({**self.created[number], "status": self.answer(self.parsed[number])})


@asynccontextmanager
async def serving(requests: Requests, tls: ssl.SSLContext | None = None) -> AsyncIterator[Requests]:
    app = web.Application()
    app.router.add_post(COLLECTION, requests.create)
    app.router.add_get(COLLECTION + "/{name}", requests.get)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    requests.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield requests
    finally:
        await runner.cleanup()


async def until(found: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not found():
            await asyncio.sleep(0.005)
