"""What happened in a run, for whoever judges it: clients' operations, watches, and what each member applied.

The one format of all checkers. The simulator fills all of it; a campaign of real processes fills what clients can see (`operations`,
`watches`) and leaves the members' part empty. Requests and results are the wire's own structs, so nothing is lost in translation.
Times are integer nanoseconds of one clock that all clients share: virtual time, or the monotonic clock of the machine.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import get_args

import msgspec

from quorate.wire.commands import (
    Compact,
    DeleteRange,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Put,
    Range,
    SessionClose,
    SessionCreate,
    Txn,
)
from quorate.wire.results import Event, Result

NEVER_NS = 2**63 - 1
"""The end of an operation whose outcome nobody learnt: it may still take effect at any time."""


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    """It has no effect and never will. With a `Failure` as `result` it was ordered and refused at `revision` (so the refusal itself is
    an observation of the state there); without one it was never carried out."""
    UNKNOWN = "unknown"
    """Timed out or cut off: it may have taken effect once, at any time since it was invoked, or still may. Reads have no effect."""


class Consistency(StrEnum):
    LINEARIZABLE = "linearizable"
    LEASE = "lease"
    """As strong as linearizable while clocks keep to `Rules.clock_drift_ppm_max`."""
    STALE = "stale"
    """A prefix of history, per member; with `staleness_ms_max` no older than that."""


class LeaseLookup(msgspec.Struct, frozen=True):
    """A read of one lease's remaining time (`LeaseResult.ttl_ms` is -1 when there is none)."""

    lease: int
    keys: bool = False


class Administer(msgspec.Struct, frozen=True):
    """A membership or leadership call: add, remove, promote, transfer, step-down. Judged by the members' part, not as data."""

    action: str
    member_id: int = 0
    learner: bool = False


Request = (
    Put
    | DeleteRange
    | Txn
    | Range
    | Compact
    | LeaseGrant
    | LeaseRevoke
    | LeaseKeepAlive
    | LeaseLookup
    | SessionCreate
    | SessionClose
    | Administer
)
"""`operation.request` is one of these structs; its type is the operation's kind."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One call of one client, retries included.

    Values that clients write are unique over a history, so that a value names its write. A command with a session (`session` > 0) may
    have been sent several times (`attempts`) and takes effect once at most; one without a session is sent once.
    """

    number: int
    """Unique; in the order of invocation."""
    client: int
    """A client runs one operation after the other; another client's may overlap."""
    request: Request
    invoked_ns: int
    completed_ns: int
    """`NEVER_NS` when and only when the outcome is unknown."""
    outcome: Outcome
    member: str
    """Name of the member that was asked (the last one, when it was asked of several)."""
    result: Result | None = None
    revision: int = 0
    """The store's revision as the result tells it: made by this write, or current when it was read or refused. 0: not told."""
    error: str = ""
    """Name of the error (`quorate.wire.errors`) unless the outcome is ok."""
    consistency: Consistency = Consistency.LINEARIZABLE
    staleness_ms_max: int = 0
    """Of a stale read; 0: any age."""
    session: int = 0
    seq: int = 0
    attempts: int = 1

    def __post_init__(self) -> None:
        assert self.invoked_ns <= self.completed_ns, f"completed before it was invoked: {self}"
        assert (self.outcome is Outcome.UNKNOWN) == (self.completed_ns == NEVER_NS), f"an open end is for unknown outcomes: {self}"


class Delivery(msgspec.Struct, frozen=True):
    """One message of a watch: events of whole revisions up to `revision`, or none (progress: nothing at or below is still to come)."""

    at_ns: int
    revision: int
    events: tuple[Event, ...] = ()
    compact_revision: int = 0
    """> 0: the watch ended, because `revision` (what it wanted next) was compacted."""


class WatchStretch(msgspec.Struct, frozen=True, kw_only=True):
    """A watch as it was open at one member, from `start_revision` until it ended. A client that resumes opens the next stretch."""

    member: str
    opened_ns: int
    start_revision: int
    """As it was asked for: 0 is "from now on"."""
    first_revision: int
    """The lowest revision that it may deliver, as the member told when it was opened; 0: not told."""
    closed_ns: int = NEVER_NS
    ended: str = ""
    """"": open at the end of the run. closed | compacted | lost (the member or the connection went away)."""
    deliveries: tuple[Delivery, ...] = ()


class WatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One client's watch over its whole life, resumed wherever it was lost: stretch n + 1 starts after the last revision of n."""

    watch: int
    client: int
    key: bytes
    range_end: bytes = b""
    previous: bool = False
    no_put: bool = False
    no_delete: bool = False
    progress: bool = False
    stretches: tuple[WatchStretch, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """One change of one key as the state machine made it; in order of revision, then of the transaction's operations."""

    revision: int
    key: bytes
    value: bytes | None
    """None: it was deleted."""
    lease: int = 0
    create_revision: int = 0
    version: int = 0


class CommittedEntry(msgspec.Struct, frozen=True):
    """A log entry as the first member applied it. Every member must apply the same one at that index."""

    index: int
    term: int
    type: int
    """`protocol.entry.EntryType`."""
    data: bytes
    at_ns: int
    member: str
    results: tuple[Result, ...] = ()
    """Of a NORMAL entry: one for each command of its batch."""


class Led(msgspec.Struct, frozen=True):
    """A member became leader of a term."""

    at_ns: int
    member: str
    member_id: int
    term: int


class Applied(msgspec.Struct, frozen=True):
    """A member's state after an index: equal digests at equal indexes, whoever applied it, whenever, also after a restart."""

    at_ns: int
    member: str
    boot: int
    """Counts the starts of its process."""
    index: int
    digest: bytes


class Promised(msgspec.Struct, frozen=True):
    """A member's term and vote, each time that they changed and were durable. `vote` 0: none given in this term."""

    at_ns: int
    member: str
    member_id: int
    term: int
    vote: int


class Stored(msgspec.Struct, frozen=True):
    """A member's log took an entry (in the order of its log, durable or not): it replaces what was there at and above `index`."""

    at_ns: int
    member: str
    member_id: int
    index: int
    term: int
    leaf: bytes
    """`protocol.entry.leaf_hash` of the entry. b"": the log begins anew after a snapshot that ends with this index and term."""


class Rules(msgspec.Struct, frozen=True):
    """What the run promised the checkers."""

    clock_drift_ppm_max: int = 0
    """How much any member's clock may have run fast or slow against the history's."""
    clocks_jump: bool = False
    """True: a clock broke its bound on purpose. Lease reads may then be stale and leases end early; all else still holds."""
    clocks_stop: bool = False
    """True: clocks stood still for longer than their bound allows. Lease reads may be stale, and leases end late; never early."""
    quiet_from_ns: int = NEVER_NS
    """No fault was injected from here on: what must happen eventually is judged from here, and not at all when it is `NEVER_NS`."""
    expiry_slack_ms: int = 10_000
    """How long after its time, in the quiet, a lease may still be seen: elections, and the leader's look at its deadlines."""

    @property
    def clocks_bounded(self) -> bool:
        """What counts on a clock that is not much too slow holds."""
        return not (self.clocks_jump or self.clocks_stop)


class History(msgspec.Struct):
    """All of one run. Lists are in the order of virtual time in which each record was completed."""

    operations: list[Operation] = msgspec.field(default_factory=list)
    watches: list[WatchRecord] = msgspec.field(default_factory=list)
    changes: list[Change] = msgspec.field(default_factory=list)
    """Every change since the cluster began, compacted ones included; empty when nobody could record them."""
    prefix: bytes = b""
    """Operations and changes are of keys with this prefix; others had the rest of the store. b"": this is all that happened."""
    committed: list[CommittedEntry] = msgspec.field(default_factory=list)
    """In order of index, without gaps."""
    led: list[Led] = msgspec.field(default_factory=list)
    applied: list[Applied] = msgspec.field(default_factory=list)
    promised: list[Promised] = msgspec.field(default_factory=list)
    stored: list[Stored] = msgspec.field(default_factory=list)
    rules: Rules = Rules()


_REQUESTS: dict[str, type] = {kind.__name__: kind for kind in get_args(Request)}
_REST_OF_HISTORY = [field.name for field in msgspec.structs.fields(History) if field.name != "operations"]
_FIELDS = [field.name for field in msgspec.structs.fields(Operation) if field.name != "request"]


class _File(msgspec.Struct):
    """On disk a request stands beside its type's name: the wire's structs do not say by themselves what they are."""

    operations: list[tuple[str, msgspec.Raw, msgspec.Raw]]
    watches: list[WatchRecord]
    changes: list[Change]
    prefix: bytes
    committed: list[CommittedEntry]
    led: list[Led]
    applied: list[Applied]
    promised: list[Promised]
    stored: list[Stored]
    rules: Rules


class _Rest(msgspec.Struct, kw_only=True, array_like=True):
    """An operation without its request."""

    number: int
    client: int
    invoked_ns: int
    completed_ns: int
    outcome: Outcome
    member: str
    result: Result | None
    revision: int
    error: str
    consistency: Consistency
    staleness_ms_max: int
    session: int
    seq: int
    attempts: int


def save(history: History, path: Path) -> None:
    """The whole history, for another process to judge; `load` reads it back."""
    encode = msgspec.msgpack.encode
    operations = [
        (
            type(operation.request).__name__,
            msgspec.Raw(encode(operation.request)),
            msgspec.Raw(encode(_Rest(**{name: getattr(operation, name) for name in _FIELDS}))),
        )
        for operation in history.operations
    ]
    rest = {name: getattr(history, name) for name in _REST_OF_HISTORY}
    path.write_bytes(encode(_File(operations, **rest)))


def load(path: Path) -> History:
    """Raises `msgspec.MsgspecError` for a file that is no history."""
    decode = msgspec.msgpack.decode
    file = decode(path.read_bytes(), type=_File)
    operations = []
    for kind, request, raw in file.operations:
        rest = decode(raw, type=_Rest)
        operations.append(Operation(request=decode(request, type=_REQUESTS[kind]), **msgspec.structs.asdict(rest)))
    return History(operations, **{name: getattr(file, name) for name in _REST_OF_HISTORY})
