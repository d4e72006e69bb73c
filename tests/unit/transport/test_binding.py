"""Which member a certificate speaks for."""

from __future__ import annotations

import pytest

from quorate_node.transport.binding import bound_members, is_for_non_voting, judge_certificate, member_uri, names_member
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


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), False),
        ((("URI", "quorate://77/5"),), False),
        ((("URI", "quorate://non-voting"),), True),
        ((("URI", "quorate://non-voting/77/5"),), True),
        ((("URI", "quorate://77/5"), ("URI", "quorate://non-voting")), True),
        ((("URI", "quorate://non-voting/of a later release"),), True),
        ((("DNS", "quorate://non-voting"), ("URI", "quorate://non-voting5"), ("URI", "x://quorate://non-voting")), False),
    ],
)
def test_the_mark_of_those_who_never_vote_is_read(names: tuple[tuple[str, str], ...], expected: bool) -> None:
    assert is_for_non_voting(certificate(*names)) == expected
    assert not is_for_non_voting(None)


def test_a_marked_name_says_which_member_it_is_of() -> None:
    marked = member_uri(77, 5, non_voting=True)
    assert marked == "quorate://non-voting/77/5" and member_uri(77, 5) == "quorate://77/5"
    assert bound_members(certificate(("URI", marked))) == {(77, 5)}
    assert names_member(marked) and names_member("quorate://77/5") and not names_member("quorate://non-voting")
    judge_certificate(certificate(("URI", marked)), 77, 5, required=True)
    with pytest.raises(HandshakeRefused, match="names no member"):
        judge_certificate(certificate(("URI", "quorate://non-voting")), 77, 5, required=True)


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
