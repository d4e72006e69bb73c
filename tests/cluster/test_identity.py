"""Members that make their keys themselves and ask for their certificates: renewed and taken up under load, and no process restarts."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

import quorate
from quorate.exceptions import PermissionDenied
from tests.cluster.harness import in_pod
from tests.cluster.harness.member import Member
from tests.cluster.harness.patience import Patience
from tests.cluster.harness.tls import TlsCluster, TlsMember
from tests.unit.identity.issuer import Answer, Requests, certificate, serving, signed
from tests.unit.transport.certificates import Authority, write_files

LIFE = dt.timedelta(seconds=24)
TLS = {
    "certificate_file": "data/tls/tls.crt",
    "key_file": "data/tls/tls.key",
    "peer_verify_hostname": False,
    "client_authentication": "optional",
    "administrators": ["quorate://operator"],
}
SETTINGS = {
    "tls": TLS,
    "identity": {"source": "kubernetes", "host_names": ["{name}.test", "localhost"]},
    "transport": {"member_binding_required": True},
}


class PodMember(TlsMember):
    account: Path

    async def start(self, **arguments: Any) -> None:
        await super().start(prefix=[sys.executable, str(in_pod.__file__), str(self.account)], **arguments)

    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.data / "tls" / "tls.crt").read_bytes())

    @property
    def bound(self) -> bool:
        names = self.certificate().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return bool(names.get_values_for_type(x509.UniformResourceIdentifier))


class PodCluster(TlsCluster):
    """`requests`: the part of an API server that members ask."""

    def __init__(self, directory: Path, authority: Authority, requests: Requests, account: Path) -> None:
        self._environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": requests.url.rpartition(":")[2]}
        self._account = account
        super().__init__(directory, authority, settings=SETTINGS)

    def tls_member(self, number: int, directory: Path, settings: Mapping[str, Mapping[str, Any]]) -> TlsMember:
        plain = super().tls_member(number, directory, settings)
        member = PodMember(number, directory, plain.port, plain.settings)
        member.context, member.account, member.environment = plain.context, self._account, dict(self._environment)
        return member

    @property
    def pods(self) -> list[PodMember]:
        return [member for member in self.members if isinstance(member, PodMember)]


@asynccontextmanager
async def _issuer(directory: Path, authority: Authority, answer: Answer) -> AsyncIterator[tuple[PodCluster, Requests]]:
    """Three members that are not started yet."""
    outer = Authority("API server")
    account = directory / "account"
    api = write_files(account, outer.issue(), outer)
    (account / "token").write_text("token")
    (account / "namespace").write_text("shop")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(api.certificate, api.key)
    async with serving(Requests(answer), context) as requests, PodCluster(directory, authority, requests, account) as cluster:
        yield cluster, requests


@asynccontextmanager
async def in_kubernetes(directory: Path) -> AsyncIterator[tuple[PodCluster, Requests]]:
    """Three members, and an issuer that signs what it is asked, for a few seconds each."""
    authority = Authority("members")

    def answer(request: x509.CertificateSigningRequest) -> dict[str, Any]:
        return certificate(signed(authority, request, age=dt.timedelta(seconds=1), life=LIFE))

    async with _issuer(directory, authority, answer) as (cluster, requests):
        await cluster.start()
        yield cluster, requests


def pids(members: list[Member]) -> dict[str, int]:
    return {member.name: member.pid for member in members}


@pytest.mark.slow
async def test_certificates_are_renewed_and_taken_up_while_clients_write_and_nothing_restarts(tmp_path: Path) -> None:
    async with in_kubernetes(tmp_path) as (cluster, requests):
        await cluster.until(_all_bound(cluster), "every certificate says which member it is of")
        first, keys = {pod.name: pod.certificate() for pod in cluster.pods}, {pod.name: _key(pod) for pod in cluster.pods}
        before = pids(cluster.members)
        ends = max(each.not_valid_after_utc for each in first.values())
        written = 0
        while dt.datetime.now(dt.UTC) < ends + dt.timedelta(seconds=2):
            await cluster.api.put((await cluster.leader()).url, f"k{written}", "v")
            written += 1
            await asyncio.sleep(0.2)
        # What the members began with has ended; new connections are made with what they have now.
        now = dt.datetime.now(dt.UTC)
        for pod in cluster.pods:
            assert pod.certificate().not_valid_after_utc > now and pod.bound
            assert _key(pod) == keys[pod.name], "the key stays"
        follower, other = await cluster.followers()
        await _saves_its_own_snapshot(follower, other, tmp_path)
        await follower.kill()
        requests.away = True
        await follower.start()
        await follower.wait_ready()
        await cluster.wait_equal()
        assert {name: pid for name, pid in pids(cluster.members).items() if name != follower.name} == {
            name: pid for name, pid in before.items() if name != follower.name
        }
        assert written > 10


async def _saves_its_own_snapshot(pod: Member, other: Member, folder: Path) -> None:
    """With a member's files: what it has, and nothing of the others."""
    tls = quorate.Tls(pod.directory / "ca.crt", pod.data / "tls" / "tls.crt", pod.data / "tls" / "tls.key")
    async with quorate.Cluster([f"https://localhost:{pod.port}"], tls=tls) as own:
        await own.snapshot(folder / "own.snapshot")
    async with quorate.Cluster([f"https://localhost:{other.port}"], tls=tls) as others:
        with pytest.raises(PermissionDenied):
            await others.snapshot(folder / "others.snapshot")


def _key(pod: PodMember) -> bytes:
    return (pod.data / "tls" / "tls.key").read_bytes()


def _all_bound(cluster: PodCluster) -> Any:
    async def bound() -> bool:
        await asyncio.sleep(0.1)
        return all(pod.bound for pod in cluster.pods)

    return bound


async def test_a_member_that_waits_for_its_first_certificate_says_so_and_ends_when_told(tmp_path: Path) -> None:
    async with _waiting(tmp_path) as member:
        await _until_said(member, "asked for a certificate by CertificateSigningRequest m0-0")
        assert await member.stop() == 128 + 15


@asynccontextmanager
async def _waiting(directory: Path) -> AsyncIterator[Member]:
    """One member whose request nobody answers."""
    async with _issuer(directory, Authority("members"), lambda _: {}) as (cluster, _requests):
        (member, *_) = cluster.members
        await member.start(token="t")
        yield member


async def _until_said(member: Member, text: str) -> None:
    patience = Patience(60.0)
    while text not in member.log_path.read_text():
        assert patience.lasts(), f"{member.name} did not say {text!r}:\n{member.log_tail()}"
        await asyncio.sleep(0.05)
