"""Judges the other side's handshake: the same questions, in the same order, for those who dial and those who accept."""

from __future__ import annotations

from quorate_node.transport.binding import is_for_non_voting, judge_certificate
from quorate_node.transport.context import PeerCertificate, TransportContext
from quorate_node.transport.errors import HandshakeRefused, NotReady, PeerRemoved
from quorate_node.transport.handshake import ConnectionClass, Hello, judge_versions
from quorate_node.transport.interface import Identity
from quorate_node.transport.restricted import FOR_NON_VOTING


def judge_hello(
    context: TransportContext,
    hello: Hello,
    certificate: PeerCertificate,
    connection_class: ConnectionClass,
    expected_member_id: int | None = None,
) -> None:
    """Raises `HandshakeRefused`, `NotReady`. A CALL is only asked for its versions: who comes with one may belong to no cluster yet."""
    ours = context.receiver.identity()
    theirs = hello.identity
    if hello.connection_class is not connection_class:
        raise HandshakeRefused(f"a {hello.connection_class.name} handshake on the {connection_class.name} endpoint")
    judge_versions(ours, theirs)
    if connection_class is ConnectionClass.CALL:
        return
    _judge_identity(ours, theirs, expected_member_id)
    judge_certificate(certificate, theirs.cluster_id, theirs.member_id, required=context.settings.member_binding_required)
    if is_for_non_voting(certificate) and context.receiver.may_vote(theirs.member_id):
        context.counters.non_voting_handshakes += 1
        raise HandshakeRefused(f"member {theirs.member_id} may vote, and {FOR_NON_VOTING}")
    theirs = _in_order(theirs, context.met.get(theirs.member_id))
    refusal = context.receiver.admit(theirs)
    if refusal is not None:
        raise PeerRemoved(refusal) if context.receiver.has_removed(theirs.member_id) else HandshakeRefused(refusal)
    context.met[theirs.member_id] = theirs


def _in_order(theirs: Identity, met: Identity | None) -> Identity:
    """What the peer said, or what it had said before where that is more.

    A peer's handshakes travel on several connections at once and may overtake each other, while its term and index go on rising: judged
    as they come, the one that was overtaken would look like a rolled-back volume. Within one process nothing can roll back.
    """
    if met is None or theirs.instance == 0 or (met.instance, met.boot_counter) != (theirs.instance, theirs.boot_counter):
        return theirs
    return theirs._replace(term=max(theirs.term, met.term), last_index=max(theirs.last_index, met.last_index))


def _judge_identity(ours: Identity, theirs: Identity, expected_member_id: int | None) -> None:
    if ours.cluster_id == 0 or ours.member_id == 0:
        raise NotReady("this member belongs to no cluster yet")
    if theirs.cluster_id == 0 or theirs.member_id == 0:
        raise HandshakeRefused("the peer belongs to no cluster yet")
    if theirs.cluster_id != ours.cluster_id:
        raise HandshakeRefused(f"the peer is of cluster {theirs.cluster_id}, this member of cluster {ours.cluster_id}")
    if theirs.member_id == ours.member_id:
        raise HandshakeRefused(f"member id {theirs.member_id} is this member's own: two members share a data directory, or a copy of it")
    if expected_member_id is not None and theirs.member_id != expected_member_id:
        raise HandshakeRefused(f"member {theirs.member_id} answered at the address of member {expected_member_id}")
