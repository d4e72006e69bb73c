"""How a member comes to its certificate and keeps it, against the part of an API server that it sees."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from quorate_node.identity.facts import utc_now
from quorate_node.identity.keeper import CertificateKeeper
from quorate_node.transport.tls import ServerTls
from quorate_node.transport.tls_files import TlsFiles
from tests.unit.identity.conftest import MakeKeeper
from tests.unit.identity.issuer import Requests, certificate, denied, signed, until
from tests.unit.transport.certificates import Authority, write_files

DAY = dt.timedelta(days=1)
HOST_NAMES = ("orders-0.orders-members.shop.svc", "orders.shop.svc")
UNKNOWN, KNOWN = (0, 0), (7, 9)


async def test_the_first_certificate_is_asked_for_by_the_members_names_and_nothing_else(
    make_keeper: MakeKeeper, requests: Requests, files: TlsFiles
) -> None:
    await make_keeper().ready()
    (item,), (request,) = requests.created, requests.parsed
    assert item["spec"].keys() == {"request", "signerName", "usages"}
    assert item["spec"]["signerName"] == "quorate.io/member"
    assert item["spec"]["usages"] == ["digital signature", "server auth", "client auth"]
    assert [attribute.oid for attribute in request.subject] == [NameOID.COMMON_NAME]
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(request.extensions) == 1
    assert names.get_values_for_type(x509.DNSName) == list(HOST_NAMES)
    ServerTls(files)  # raises when certificate and key do not go together


async def test_the_next_pod_on_the_volume_asks_nobody(make_keeper: MakeKeeper, requests: Requests) -> None:
    await make_keeper().ready()
    requests.away = True
    await make_keeper().ready()
    assert len(requests.created) == 1


async def test_an_expired_certificate_does_not_keep_a_member_from_starting(
    make_keeper: MakeKeeper, requests: Requests, authority: Authority
) -> None:
    """Renewal goes on beside: a member that waited for it could not even say why it is not there."""
    requests.answer = lambda request: certificate(signed(authority, request, age=100 * DAY))
    await make_keeper().ready()
    assert (await asyncio.wait_for(make_keeper().ready(), 5)) is None
    assert len(requests.created) == 1


async def test_a_certificate_of_a_lost_key_is_worth_nothing(make_keeper: MakeKeeper, requests: Requests, files: TlsFiles) -> None:
    await make_keeper().ready()
    files.key.unlink()
    await make_keeper().ready()
    assert len(requests.created) == 2
    ServerTls(files)


async def test_it_waits_for_the_operator_with_one_request(make_keeper: MakeKeeper, requests: Requests, authority: Authority) -> None:
    requests.answer = lambda _: {}
    waiting = asyncio.create_task(make_keeper().ready())
    await asyncio.sleep(0.2)
    assert len(requests.created) == 1 and not waiting.done()
    requests.answer = lambda request: certificate(signed(authority, request))
    await waiting


async def test_a_denial_is_said_in_its_own_words_and_asked_again_later(
    make_keeper: MakeKeeper, requests: Requests, authority: Authority
) -> None:
    requests.answer = lambda _: denied("pod orders-0 is not there")
    keeper = make_keeper()
    waiting = asyncio.create_task(keeper.ready())
    await until(lambda: keeper.trouble)
    assert "NotExpected: pod orders-0 is not there" in keeper.trouble
    requests.answer = lambda request: certificate(signed(authority, request))
    await waiting
    assert keeper.trouble == ""


async def test_an_api_server_that_is_away_is_waited_for(make_keeper: MakeKeeper, requests: Requests) -> None:
    requests.away = True
    keeper = make_keeper()
    waiting = asyncio.create_task(keeper.ready())
    await until(lambda: "503" in keeper.trouble)
    requests.away = False
    await waiting


@pytest.mark.parametrize("wrong", ["key", "names", "authority", "noise"])
async def test_a_certificate_that_would_cut_the_member_off_is_not_taken(
    wrong: str, make_keeper: MakeKeeper, requests: Requests, authority: Authority, files: TlsFiles
) -> None:
    def answer(request: x509.CertificateSigningRequest) -> bytes:
        if wrong == "key":
            return signed(authority, request, key=ec.generate_private_key(ec.SECP256R1()).public_key())
        if wrong == "names":
            return signed(authority, request, names=[x509.DNSName("orders-1.orders-members.shop.svc")])
        return signed(Authority("another"), request) if wrong == "authority" else b"noise"

    requests.answer = lambda request: certificate(answer(request))
    keeper = make_keeper()
    waiting = asyncio.create_task(keeper.ready())
    await until(lambda: keeper.trouble)
    assert not files.certificate.exists() and not waiting.done()
    waiting.cancel()


async def test_once_it_is_a_member_its_certificate_says_which(make_keeper: MakeKeeper, requests: Requests, files: TlsFiles) -> None:
    keeper = make_keeper()
    await keeper.ready()
    assert keeper.due(UNKNOWN) == ""
    assert keeper.due(KNOWN) == "it lacks quorate://7/9"
    key = files.key.read_bytes()
    running = asyncio.create_task(keeper.run(lambda: KNOWN))
    await until(lambda: keeper.due(KNOWN) == "")
    running.cancel()
    names = requests.parsed[-1].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["quorate://7/9"]
    assert files.key.read_bytes() == key
    # Started again, it goes on with that while it does not yet know who it is.
    assert make_keeper().due(UNKNOWN) == ""


async def test_another_identity_on_the_same_volume_needs_another_certificate(make_keeper: MakeKeeper) -> None:
    keeper = make_keeper()
    await keeper.ready()
    running = asyncio.create_task(keeper.run(lambda: KNOWN))
    await until(lambda: keeper.due(KNOWN) == "")
    running.cancel()
    assert keeper.due((7, 10)) == "it lacks quorate://7/10"


@pytest.mark.parametrize(("age", "why"), [(44 * DAY, ""), (46 * DAY, "half of its life is over"), (91 * DAY, "half of its life is over")])
async def test_it_is_renewed_when_half_of_its_life_is_over(
    age: dt.timedelta, why: str, make_keeper: MakeKeeper, requests: Requests, authority: Authority
) -> None:
    requests.answer = lambda request: certificate(signed(authority, request, age=age))
    keeper = make_keeper(random=lambda: 0.0)
    await keeper.ready()
    assert keeper.due(UNKNOWN) == why


async def test_members_do_not_all_renew_in_the_same_second(make_keeper: MakeKeeper) -> None:
    keepers: list[CertificateKeeper] = []
    now = utc_now()
    for draw in (0.0, 1.0):
        keeper = make_keeper(random=lambda draw=draw: draw, now=lambda: now + 43 * DAY)
        await keeper.ready()
        keepers.append(keeper)
    assert [bool(keeper.due(UNKNOWN)) for keeper in keepers] == [False, True]


async def test_when_another_authority_signs_it_renews(
    make_keeper: MakeKeeper, requests: Requests, authority: Authority, files: TlsFiles
) -> None:
    keeper = make_keeper()
    await keeper.ready()
    new = Authority("new")
    assert files.authority is not None
    files.authority.write_bytes(authority.pem + new.pem)
    assert keeper.due(UNKNOWN) == ""  # trusted, and not signing yet
    files.authority.write_bytes(new.pem + authority.pem)
    assert keeper.due(UNKNOWN) == "another CA signs now"
    requests.answer = lambda request: certificate(signed(new, request))
    running = asyncio.create_task(keeper.run(lambda: UNKNOWN))
    await until(lambda: keeper.due(UNKNOWN) == "")
    running.cancel()


async def test_renewal_outlives_a_disk_that_takes_nothing(make_keeper: MakeKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = make_keeper()
    await keeper.ready()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("quorate_node.identity.keeper.write_whole", full)
        running = asyncio.create_task(keeper.run(lambda: KNOWN))
        await until(lambda: "No space left" in keeper.trouble)
    await until(lambda: keeper.due(KNOWN) == "")
    assert not running.done()
    running.cancel()


async def test_a_host_name_that_is_new_is_asked_for(make_keeper: MakeKeeper, authority: Authority, files: TlsFiles) -> None:
    keeper = make_keeper()
    await keeper.ready()
    write_files(files.certificate.parent, authority.issue(names=(x509.DNSName("orders.shop.svc"),)), authority)
    assert keeper.due(UNKNOWN) == "it lacks orders-0.orders-members.shop.svc"


NON_VOTING, MARKED = "quorate://non-voting", "quorate://non-voting/7/9"


def uris_of(request: x509.CertificateSigningRequest) -> list[str]:
    return request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.UniformResourceIdentifier)


async def test_one_that_never_votes_says_so_in_every_certificate(make_keeper: MakeKeeper, requests: Requests) -> None:
    keeper = make_keeper(non_voting=True, common_name="0f0e3c0a")
    await keeper.ready()
    assert keeper.due(UNKNOWN) == ""
    assert keeper.due(KNOWN) == f"it lacks {MARKED}"
    running = asyncio.create_task(keeper.run(lambda: KNOWN))
    await until(lambda: keeper.due(KNOWN) == "")
    running.cancel()
    assert [uris_of(request) for request in requests.parsed] == [[NON_VOTING], [MARKED]]
    assert {attribute.value for request in requests.parsed for attribute in request.subject} == {"0f0e3c0a"}
    assert all(item["metadata"]["name"].startswith("0f0e3c0a-") for item in requests.created)
    assert keeper.due(UNKNOWN) == "", "one that starts again goes on with what it has"
    assert make_keeper().due(KNOWN) == "it lacks quorate://7/9", "it is no certificate of a member that votes"
