"""Proposals of the seven types: their wire forms, alone and with their type in front."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.codec import Reader, Writer, decode, encode
from quorate_node.crypto.mls.errors import CodecError, UnsupportedError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.leaf_node import FromUpdate
from quorate_node.crypto.mls.proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
    read_proposal,
    write_proposal,
)
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId
from tests.unit.crypto.mls.clients import Client

ALICE = Client("alice")
PROPOSALS: list[Proposal] = [
    Add(ALICE.key_package()),
    Update(ALICE.leaf(source=FromUpdate())),
    Remove(7),
    PreSharedKey(PreSharedKeyId(ExternalPsk(b"psk"), bytes(32))),
    ReInit(b"next", 3, (Extension(0xFF01, b"x"),)),
    ExternalInit(bytes(32)),
    GroupContextExtensions((Extension(0xFF01, b"x"), Extension(0x0A0A, b""))),
]


def written(proposal: Proposal) -> bytes:
    writer = Writer()
    write_proposal(writer, proposal)
    return writer.data()


@pytest.mark.parametrize(("number", "proposal"), list(enumerate(PROPOSALS, 1)))
def test_wire_form_can_be_read_again(number: int, proposal: Proposal) -> None:
    assert written(proposal) == number.to_bytes(2, "big") + encode(proposal)
    reader = Reader(written(proposal))
    assert read_proposal(reader) == proposal
    reader.end()
    assert decode(type(proposal), encode(proposal)) == proposal


def test_small_ones_byte_by_byte() -> None:
    assert written(Remove(7)) == bytes.fromhex("0003 00000007")
    assert written(ReInit(b"g", 3)) == bytes.fromhex("0005 01 67 0001 0003 00")
    assert written(GroupContextExtensions(())) == bytes.fromhex("0007 00")


@pytest.mark.parametrize("proposal_type", [0, 8, 0x0A0A, 0xFFFF])
def test_a_type_that_is_not_ours_is_refused(proposal_type: int) -> None:
    with pytest.raises(UnsupportedError, match=f"proposal of type {proposal_type}"):
        read_proposal(Reader(proposal_type.to_bytes(2, "big") + bytes(8)))


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_truncated_ones_are_refused(proposal: Proposal) -> None:
    data = written(proposal)
    for length in range(len(data)):
        with pytest.raises(CodecError):
            read_proposal(Reader(data[:length]))
