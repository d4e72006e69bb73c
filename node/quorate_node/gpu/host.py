"""The host library as a verifier: tables a validator set, and batches in the caller's thread with the interpreter's lock released."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Final

from quorate_node.crypto.verdict import curve
from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.exact import ExactVerifier
from quorate_node.gpu.jobs import WIDTHS, Job
from quorate_node.gpu.library import NoLibrary, load
from quorate_node.gpu.outcome import PENDING, Outcome, Verifier, VerifierFault, checked
from quorate_node.gpu.records import TALLY, SignatureBatch, VoteBatch

TABLE_BYTES_MAX: Final = 1 << 30
"""Of one set's tables on the host; a set whose tables are larger is verified without them (as unknown keys)."""
SETS_KEPT: Final = 3
"""Two epochs that votes come from, and the set that calibration measures with."""
_ALIGNMENT: Final = 64
_NO_SUCH_WIDTH: Final = 2**64 - 1

BASE_KEY: Final = curve.encode(curve.BASE)


class Memory:
    """Zeroed bytes at an aligned address, for the library to write to."""

    __slots__ = ("_owner", "address", "size")

    def __init__(self, size: int) -> None:
        self._owner = ctypes.create_string_buffer(size + _ALIGNMENT)
        self.address = -(-ctypes.addressof(self._owner) // _ALIGNMENT) * _ALIGNMENT
        self.size = size

    def bytes(self) -> bytes:
        return ctypes.string_at(self.address, self.size)


def address(buffer: Any) -> tuple[int, object]:
    """(address, what must be kept alive while it is used) of a writable buffer; 0 for an empty one."""
    if len(buffer) == 0:
        return 0, None
    held = (ctypes.c_char * memoryview(buffer).nbytes).from_buffer(buffer)
    return ctypes.addressof(held), held


class HostVerifier:
    """`Verifier` by the host library. Threads may verify at once: scratch is a thread's own, tables are only read."""

    def __init__(self, library: ctypes.CDLL, bits: int = 8) -> None:
        """`bits`: width of the tables' windows, of `WIDTHS`. 12 and 16 make fewer additions and miss the processor's caches."""
        if bits not in WIDTHS:
            raise ValueError(f"bits: {bits} is none of {', '.join(map(str, WIDTHS))}")
        self._library = library
        self._bits = bits
        self._base = {width: self._tables(width, BASE_KEY, negative=False) for width in dict.fromkeys((8, bits))}
        self._sets: dict[tuple[int, tuple[bytes, ...]], tuple[Memory, bytearray]] = {}

    @property
    def name(self) -> str:
        return "host" if self._library.quorate_field_limbs() == 5 else "device code on the host"

    def _tables(self, bits: int, keys: bytes, *, negative: bool) -> Memory:
        number = len(keys) // 32
        made = Memory(self._library.quorate_table_bytes(bits, number))
        if self._library.quorate_make_tables(bits, number, keys, negative, made.address):
            raise VerifierFault(f"no memory for the tables of {number} keys, {bits} bits wide")
        return made

    def table_bytes(self, members: ValidatorSet) -> int:
        """What this set's tables take."""
        return int(self._library.quorate_table_bytes(self._bits, len(members)))

    def admit(self, members: ValidatorSet) -> None:
        key = (members.epoch, members.keys)
        if key in self._sets or self.table_bytes(members) > TABLE_BYTES_MAX:
            return
        keys = b"".join(members.keys)
        self._sets[key] = self._tables(self._bits, keys, negative=True), bytearray(keys)
        for old in list(self._sets)[:-SETS_KEPT]:
            del self._sets[old]

    def verify_votes(self, members: ValidatorSet, batch: VoteBatch) -> Outcome:
        return self._votes(members, batch, self._run_votes)

    def verify_together(self, members: ValidatorSet, batch: VoteBatch) -> Outcome:
        """The same by the small-batch kernel, block by block: slower here, and the same verdicts."""
        return self._votes(members, batch, self._run_together)

    def _run_votes(self, job: Job) -> None:
        if self._library.quorate_verify_votes(self._bits, ctypes.byref(job)) == _NO_SUCH_WIDTH:
            raise VerifierFault(f"no code for windows of {self._bits} bits")

    def _run_together(self, job: Job) -> None:
        if self._library.quorate_verify_together(self._bits, ctypes.byref(job)):
            raise VerifierFault(f"no code for windows of {self._bits} bits")

    def _votes(self, members: ValidatorSet, batch: VoteBatch, run: Any) -> Outcome:
        self.admit(members)
        admitted = self._sets.get((members.epoch, members.keys))
        verdicts = bytearray([PENDING]) * batch.count
        tallies = bytearray(batch.ballots * TALLY.size)
        weights = (ctypes.c_uint64 * len(members))(*members.weights)
        voted = bytearray(4 * batch.ballots * ((len(members) + 31) // 32))
        parts = {
            "votes": batch.vote_bytes,
            "ballots": batch.ballot_bytes,
            "verdicts": verdicts,
            "thresholds": batch.thresholds,
            "voted": voted,
            "tallies": tallies,
        }
        job, kept = _job(parts)
        job.count, job.ballot_count, job.validator_count = batch.count, batch.ballots, len(members)
        job.weights = ctypes.addressof(weights)
        job.base_table = self._base[self._bits].address
        if admitted is None:
            self._without_tables(members, batch, verdicts)
        elif batch.count:
            job.tables = admitted[0].address
            job.validator_keys, held = address(admitted[1])
            kept.append(held)
            run(job)
        self._library.quorate_count_votes(ctypes.byref(job))
        del kept
        return checked(Outcome(bytes(verdicts), bytes(tallies)), batch.count)

    def _without_tables(self, members: ValidatorSet, batch: VoteBatch, verdicts: bytearray) -> None:
        """A set whose tables are too large: its votes as signatures of unknown keys."""
        unknown, places = SignatureBatch(), []
        for number in range(batch.count):
            signature, validator, ballot = batch.record(number)
            if ballot >= batch.ballots:
                verdicts[number] = Verdict.MALFORMED
            elif validator >= len(members):
                verdicts[number] = Verdict.UNKNOWN_VALIDATOR
            else:
                unknown.append(members.keys[validator], batch.message(ballot), signature)
                places.append(number)
        for number, verdict in zip(places, self.verify_signatures(unknown).verdicts, strict=True):
            verdicts[number] = verdict

    def verify_signatures(self, batch: SignatureBatch) -> Outcome:
        return self._signatures(batch, self._library.quorate_verify_generic)

    def verify_full(self, batch: SignatureBatch) -> Outcome:
        """The same by the full equation for each: what the other paths are held against."""
        return self._signatures(batch, self._library.quorate_verify_full)

    def _signatures(self, batch: SignatureBatch, run: Any) -> Outcome:
        verdicts = bytearray([PENDING]) * batch.count
        parts = {
            "keys": batch.keys,
            "signatures": batch.signatures,
            "offsets": batch.offsets,
            "text": batch.text,
            "verdicts": verdicts,
        }
        job, kept = _job(parts)
        job.count = batch.count
        job.base_table = self._base[8].address
        run(ctypes.byref(job))
        del kept
        for number in batch.malformed:
            verdicts[number] = Verdict.MALFORMED
        return checked(Outcome(bytes(verdicts)), batch.count)


def _job(parts: Mapping[str, Any]) -> tuple[Job, list[object]]:
    """A job with these buffers' addresses, and what must live as long as it does."""
    job, kept = Job(), []
    for name, buffer in parts.items():
        place, held = address(buffer)
        setattr(job, name, place)
        kept.append(held)
    return job, kept


def host_verifier(environment: Mapping[str, str] | None = None) -> tuple[Verifier, str]:
    """The best that this machine's processor can do, and, where that is the rule in Python, why: "" otherwise."""
    try:
        return HostVerifier(load(environment)), ""
    except NoLibrary as error:
        return ExactVerifier(), str(error)
