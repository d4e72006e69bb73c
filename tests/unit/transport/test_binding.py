"""Which member a certificate speaks for."""

from __future__ import annotations

import pytest

from quorate_node.transport.binding import bound_members, judge_certificate
from quorate_node.transport.errors import HandshakeRefused


def certificate(*names: tuple[str, str]) -> dict[str, object]:
    return {"subjectAltName": names}


def test_both_forms_of_name_are_read_and_others_are_left_alone() -> None:
    names = (
        ("DNS", "member-5.77"),
        ("URI", "quorate://77/5"),
        ("DNS", "node.example"),
        ("IP Address", "127.0.0.1"),
        ("URI", "spiffe://x/y"),
    )
    assert bound_members(certificate(*names)) == {(77, 5)}
    judge_certificate(certificate(*names), 77, 5, required=True)


@pytest.mark.parametrize("name", ["member-5.77.example", "xmember-5.77", "member-.77", "member-5.", "member-*.77", "MEMBER-5.77"])
def test_what_only_looks_like_a_member_is_none(name: str) -> None:
    assert bound_members(certificate(("DNS", name), ("URI", name))) == set()


def test_two_members_in_one_certificate_are_refused() -> None:
    with pytest.raises(HandshakeRefused, match="names several members"):
        judge_certificate(certificate(("URI", "quorate://77/5"), ("DNS", "member-6.77")), 77, 5, required=False)


@pytest.mark.parametrize(("cluster_id", "member_id"), [(77, 6), (78, 5)])
def test_another_member_or_cluster_is_refused(cluster_id: int, member_id: int) -> None:
    with pytest.raises(HandshakeRefused, match="the certificate is of member 5 of cluster 77"):
        judge_certificate(certificate(("URI", "quorate://77/5")), cluster_id, member_id, required=False)


@pytest.mark.parametrize("shown", [None, {}, certificate(("DNS", "node.example"))])
def test_no_member_is_refused_only_where_the_binding_is_demanded(shown: dict[str, object] | None) -> None:
    judge_certificate(shown, 77, 5, required=False)
    with pytest.raises(HandshakeRefused, match="add the URI quorate://77/5"):
        judge_certificate(shown, 77, 5, required=True)
