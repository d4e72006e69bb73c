"""The Secret with a cluster's CAs: what is written is what is read, and the three steps lose nobody on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quorate_operator.issuing.certificates import BadKeyring, Pair, make_authority, utc_now
from quorate_operator.issuing.keyring import Keyring, keyring_of, secret, secret_name
from tests.unit.cluster_operator.resources import identity_of

NOW = utc_now()
ONE, TWO = make_authority("one", NOW), make_authority("two", NOW)
IDENTITY = identity_of()


def stored(keyring: Keyring, version: str = "5") -> dict[str, Any]:
    item = secret(IDENTITY, keyring)
    return {**item, "metadata": {**item["metadata"], "uid": "s", "resourceVersion": version}}


LOST = Pair(ONE.certificate)
KEYRINGS = [Keyring(ONE), Keyring(ONE, TWO, rotated_for="now"), Keyring(TWO, None, LOST), Keyring(LOST, TWO)]


@pytest.mark.parametrize("keyring", KEYRINGS)
def test_what_is_written_is_what_is_read(keyring: Keyring) -> None:
    found = keyring_of(stored(keyring))
    assert found == Keyring(keyring.signing, keyring.next, keyring.previous, keyring.rotated_for, "s", "5")
    assert secret(IDENTITY, found)["metadata"]["resourceVersion"] == "5"


def test_it_is_in_the_operators_namespace_by_the_resources_uid_and_has_no_owner() -> None:
    metadata = secret(IDENTITY, Keyring(ONE))["metadata"]
    assert (metadata["namespace"], metadata["name"]) == ("quorate-system", secret_name(IDENTITY.uid))
    assert metadata["labels"]["quorate.io/cluster-uid"] == IDENTITY.uid
    assert metadata["annotations"]["quorate.io/cluster"] == "shop/orders"
    assert "ownerReferences" not in metadata and "resourceVersion" not in metadata


def test_what_decisions_are_made_of_holds_no_key() -> None:
    authority = keyring_of(stored(Keyring(ONE, TWO))).authority(NOW)
    assert "PRIVATE" not in repr(authority)
    assert (authority.resource_version, authority.can_sign, authority.due) == ("5", True, False)


def test_from_one_ca_to_the_next_somebody_always_signs_and_everybody_is_trusted() -> None:
    both = Keyring(ONE).trusting(TWO, "now")
    assert both.bundle == (ONE.certificate, TWO.certificate) and both.signing == ONE
    signing = both.signing_next()
    assert signing.bundle == (TWO.certificate, ONE.certificate) and signing.signing == TWO
    assert signing.previous is not None and signing.previous.key == ""
    assert signing.without_previous() == Keyring(TWO, rotated_for="now")


def test_a_ca_without_its_key_cannot_sign() -> None:
    assert not keyring_of(stored(Keyring(Pair(ONE.certificate), TWO))).authority(NOW).can_sign


@pytest.mark.parametrize("data", [{}, {"tls.crt": ""}, {"tls.crt": "***"}, {"tls.crt": "/w=="}])
def test_a_damaged_secret_is_said_to_be_one(data: dict[str, str]) -> None:
    with pytest.raises(BadKeyring, match="put it back"):
        keyring_of({**stored(Keyring(ONE)), "data": data})


def test_a_certificate_that_is_none_is_found_out_before_anything_is_decided() -> None:
    keyring = keyring_of(stored(Keyring(Pair("noise", ONE.key))))
    with pytest.raises(BadKeyring):
        keyring.authority(NOW)
    assert json.dumps(stored(keyring))
