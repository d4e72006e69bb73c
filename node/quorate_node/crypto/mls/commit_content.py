"""The content of a commit: proposals, whole or by reference, and a path (RFC 9420 section 12.4). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quorate_node.crypto.mls.codec import Reader, Writer
from quorate_node.crypto.mls.errors import CodecError
from quorate_node.crypto.mls.proposals import Proposal, read_proposal, write_proposal
from quorate_node.crypto.mls.update_path import UpdatePath

_PROPOSAL, _REFERENCE = 1, 2


@dataclass(frozen=True, slots=True)
class ProposalRef:
    """Names a proposal that was sent before by the hash of the AuthenticatedContent that carried it (section 5.2)."""

    reference: bytes


ProposalOrRef = Proposal | ProposalRef


def _write_proposal_or_ref(writer: Writer, value: ProposalOrRef) -> None:
    if isinstance(value, ProposalRef):
        writer.uint8(_REFERENCE)
        writer.vector(value.reference)
    else:
        writer.uint8(_PROPOSAL)
        write_proposal(writer, value)


def _read_proposal_or_ref(reader: Reader) -> ProposalOrRef:
    kind = reader.uint8()
    if kind == _PROPOSAL:
        return read_proposal(reader)
    if kind == _REFERENCE:
        return ProposalRef(reader.vector())
    raise CodecError(f"proposal_or_ref is {kind}: 1 (proposal) and 2 (reference) are allowed")


@dataclass(frozen=True, slots=True)
class Commit:
    """`proposals` in the order of the message, which is not that of their application; `path` None when there is none."""

    proposals: tuple[ProposalOrRef, ...]
    path: UpdatePath | None

    def write(self, writer: Writer) -> None:
        writer.sequence(self.proposals, _write_proposal_or_ref)
        writer.optional(self.path)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.items(_read_proposal_or_ref), reader.optional(UpdatePath.read))
