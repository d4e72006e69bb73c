"""Three members and their clients over mutual TLS: who is refused, with which words, and certificates that change under way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

import quorate
from tests.cluster.harness.member import Member
from tests.cluster.harness.tls import TlsCluster
from tests.cluster.ports import free_ports
from tests.unit.transport.certificates import Authority, member_uri, write_files

OTHER_HOST: tuple[x509.GeneralName, ...] = (x509.DNSName("members.test"),)
UNKNOWN_AUTHORITY = "self-signed certificate in certificate chain"
"""OpenSSL's words for a chain that ends in an authority that is not in the bundle."""


@asynccontextmanager
async def started(directory: Path, **arguments: Any) -> AsyncIterator[TlsCluster]:
    async with TlsCluster(directory, Authority(), **arguments) as cluster:
        await cluster.start()
        yield cluster


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {timeout_s} s: {what}") from None


def said(member: Member, text: str) -> bool:
    return text in member.log_path.read_text()


def rewrite(member: Member, issued: tuple[bytes, bytes], *authorities: Authority) -> None:
    write_files(member.directory, issued, *authorities)


async def shown_certificate(member: Member, context: ssl.SSLContext) -> int:
    """The serial number of what a client is shown now."""
    _, writer = await asyncio.open_connection("127.0.0.1", member.port, ssl=context)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown).serial_number
    finally:
        writer.close()


async def test_members_and_clients_speak_mutual_tls_and_nobody_without_a_certificate_is_served(tmp_path: Path) -> None:
    async with started(tmp_path) as cluster:
        files = cluster.client_files
        tls = quorate.Tls(ca=files.authority, certificate=files.certificate, key=files.key)
        async with quorate.Cluster([member.url for member in cluster.members], tls=tls) as client:
            await client.put(b"k", b"v")
            found = await client.get(b"k")
            assert found is not None and found.value == b"v"
        for member in cluster.members:
            assert (await cluster.api.get(member.url, "k")).value == "v"
            anonymous = ssl.create_default_context(cafile=str(files.authority))
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.ClientError):
                    await session.get(f"{member.url}/v1/status", ssl=anonymous)
                with pytest.raises(aiohttp.ClientError):
                    await session.get(f"{member.url.replace('https', 'http')}/v1/status")
            assert said(member, "refused a TLS handshake: PEER_DID_NOT_RETURN_A_CERTIFICATE")


async def test_a_member_with_a_certificate_of_another_authority_is_refused_until_it_has_the_right_one(tmp_path: Path) -> None:
    async with started(tmp_path) as cluster:
        founders = list(cluster.members)
        stranger = _fourth(cluster, tmp_path / "m3")
        cluster.members.append(stranger)
        foreign = Authority("other CA")
        # It trusts the cluster; the cluster does not trust it.
        rewrite(stranger, foreign.issue(), foreign, cluster.authority)
        await stranger.start()
        await until(lambda: any(said(member, f"refused a TLS handshake: {UNKNOWN_AUTHORITY}") for member in founders), "a refusal")
        listed = (await cluster.ask("GET", "/v1/members"))["members"]
        assert len(listed) == 3
        rewrite(stranger, cluster.authority.issue(), cluster.authority)
        await cluster.wait_voters(4)


def _fourth(cluster: TlsCluster, directory: Path) -> Any:
    port, peer_port = free_ports(2)
    settings = {
        "member": {"name": "m3", "data_dir": "data"},
        "listen": {"port": port, "peer_port": peer_port, "peer_url": f"https://127.0.0.1:{peer_port}"},
        "discovery": cluster.members[0].settings["discovery"],
    }
    return cluster.tls_member(3, directory, settings)


async def test_a_certificate_that_names_another_member_is_refused_and_a_right_one_taken_up_without_a_restart(tmp_path: Path) -> None:
    async with started(tmp_path) as cluster:
        listed = await cluster.ask("GET", "/v1/members")
        cluster_id = int(listed["cluster_id"])
        ids = {member["name"]: int(member["member_id"]) for member in listed["members"]}
        victim, impostor = await cluster.followers()
        rewrite(impostor, cluster.authority.issue(member_uri(cluster_id, ids[victim.name])), cluster.authority)
        await impostor.stop()
        await impostor.start()
        text = (
            f"the certificate is of member {ids[victim.name]} of cluster {cluster_id}, not member {ids[impostor.name]} of {cluster_id}"
        )
        others = [member for member in cluster.members if member is not impostor]
        await until(lambda: all(said(member, text) for member in others), "every member refuses it")
        rewrite(impostor, cluster.authority.issue(member_uri(cluster_id, ids[impostor.name])), cluster.authority)
        await impostor.wait_ready()
        await cluster.wait_equal()


async def test_a_member_must_name_itself_where_the_binding_is_required(tmp_path: Path) -> None:
    async with started(tmp_path) as cluster:
        listed = await cluster.ask("GET", "/v1/members")
        cluster_id = int(listed["cluster_id"])
        ids = {member["name"]: int(member["member_id"]) for member in listed["members"]}
        strict = await cluster.leader()
        for member in cluster.members:
            names = [member_uri(cluster_id, ids[member.name])] if member is strict else []
            rewrite(member, cluster.authority.issue(*names), cluster.authority)
        strict.settings = {**strict.settings, "transport": {"member_binding_required": True}}
        await strict.stop()
        await strict.start()
        nameless = [member for member in cluster.members if member is not strict]
        for member in nameless:
            text = f"the certificate names no member: add the URI quorate://{cluster_id}/{ids[member.name]}"
            await until(lambda text=text: said(strict, text), text)  # type: ignore[misc]
        for member in nameless:
            rewrite(member, cluster.authority.issue(member_uri(cluster_id, ids[member.name])), cluster.authority)
        await strict.wait_ready()
        await cluster.wait_equal()


async def test_certificates_and_the_authority_change_on_disk_without_a_restart(tmp_path: Path) -> None:
    async with started(tmp_path) as cluster:
        old, new = cluster.authority, Authority("new CA")
        before = {member.name: member.pid for member in cluster.members}
        for member in cluster.members:
            rewrite(member, old.issue(), old, new)  # first everybody trusts both
        await asyncio.sleep(1.5)
        serials = {}
        for member in cluster.members:
            issued = new.issue()
            serials[member.name] = x509.load_pem_x509_certificate(issued[0]).serial_number
            rewrite(member, issued, new)  # then the old authority goes
        cluster.client_files = write_files(tmp_path / "client", new.issue(), new)
        context = cluster.client_context()

        async def all_show_theirs() -> bool:
            await asyncio.sleep(0.1)
            try:
                return all([await shown_certificate(member, context) == serials[member.name] for member in cluster.members])
            except OSError:  # of TLS, or a connection that ended as the files changed
                return False

        await cluster.until(all_show_theirs, "the new certificates")
        assert before == {member.name: member.pid for member in cluster.members}
        # Members too: one that comes new, with a certificate of the new authority alone, is let in by those that never restarted.
        cluster.authority = new
        fourth = _fourth(cluster, tmp_path / "m3")
        cluster.members.append(fourth)
        await fourth.start()
        await until(lambda: said(fourth, "membership at index"), "the new member is let in")
        assert not said(fourth, "certificate verify failed")


async def test_a_member_whose_certificate_is_of_another_host_is_refused_unless_names_are_not_verified(tmp_path: Path) -> None:
    verified, unverified = tmp_path / "verified", tmp_path / "unverified"
    verified.mkdir(), unverified.mkdir()
    async with TlsCluster(verified, Authority(), names=OTHER_HOST) as cluster:
        for member in cluster.members[:2]:
            await member.start(token="t" if member.number == 0 else "")
        text = "IP address mismatch, certificate is not valid for '127.0.0.1'"
        await until(lambda: said(cluster.members[1], text), text)
    async with started(unverified, names=OTHER_HOST, settings={"tls": {"peer_verify_hostname": False}}) as cluster:
        await cluster.api.put((await cluster.leader()).url, "k", "v")
        await cluster.wait_equal()
