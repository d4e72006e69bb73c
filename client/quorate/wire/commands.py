"""Requests of the key-value machine, as they travel: in a log entry, on the binary stream, and (named) in JSON.

Every struct is a msgpack *array*, so a field may be appended with a default but never moved or removed: an
older member reads a newer client's array and ignores the tail, a newer one fills the tail with defaults.
Semantics are etcd's (keys and values are bytes, ranges are [key, range_end) in byte order, `range_end` b"\\x00" with any
key means "to the end", an empty `range_end` means "this key alone").
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

MAX_INT64 = 2**63 - 1


class CommandKind(IntEnum):
    """Kinds of a command. A number is never reused; an unknown committed kind stops the member (DESIGN decision 8)."""

    PUT = 1
    DELETE_RANGE = 2
    TXN = 3
    COMPACT = 4
    LEASE_GRANT = 5
    LEASE_REVOKE = 6
    LEASE_KEEPALIVE = 7
    LEASE_EXPIRE = 8
    SESSION_CREATE = 9
    SESSION_CLOSE = 10
    SESSION_EXPIRE = 11
    CLUSTER_VERSION = 12
    APPLICATION = 13
    APPLICATION_VERSION = 14
    MEMBER_UPDATE = 15
    RANGE = 16  # never in the log on its own: an operation of a transaction, and a read on the stream
    GROUP_CREATE = 17
    GROUP_COMMIT = 18


class Put(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Set one key. `lease` 0 is none; the `ignore_*` flags keep what the key has and refuse a key that is not there."""

    key: bytes
    value: bytes = b""
    lease: int = 0
    previous: bool = False
    ignore_value: bool = False
    ignore_lease: bool = False


class DeleteRange(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Delete [key, range_end), or one key when `range_end` is empty."""

    key: bytes
    range_end: bytes = b""
    previous: bool = False


class SortOrder(IntEnum):
    NONE = 0
    ASCEND = 1
    DESCEND = 2


class SortTarget(IntEnum):
    KEY = 0
    VERSION = 1
    CREATE = 2
    MODIFY = 3
    VALUE = 4


class Range(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Read [key, range_end) at `revision` (0: now). `limit` 0 is the server's own bound; `count` is always the whole count."""

    key: bytes
    range_end: bytes = b""
    limit: int = 0
    revision: int = 0
    sort_order: SortOrder = SortOrder.NONE
    sort_target: SortTarget = SortTarget.KEY
    keys_only: bool = False
    count_only: bool = False
    min_mod_revision: int = 0
    max_mod_revision: int = 0
    min_create_revision: int = 0
    max_create_revision: int = 0


class CompareResult(IntEnum):
    EQUAL = 0
    GREATER = 1
    LESS = 2
    NOT_EQUAL = 3


class CompareTarget(IntEnum):
    VERSION = 0
    CREATE = 1
    MODIFY = 2
    VALUE = 3
    LEASE = 4


class Compare(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One condition. `number` is the operand of VERSION, CREATE, MODIFY and LEASE, `value` that of VALUE.

    With `range_end` every key of the range must satisfy it (an empty range does). A missing single key has version,
    create and mod revision 0; a VALUE comparison with a missing key is false, NOT_EQUAL included (etcd's rule).
    """

    key: bytes
    result: CompareResult = CompareResult.EQUAL
    target: CompareTarget = CompareTarget.VERSION
    number: int = 0
    value: bytes = b""
    range_end: bytes = b""


class Operation(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One operation of a transaction: exactly one field is set."""

    put: Put | None = None
    delete_range: DeleteRange | None = None
    range: Range | None = None
    txn: Txn | None = None


class Txn(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """If every `compare` holds, run `success`, else `failure`, atomically, at one revision. May nest."""

    compare: tuple[Compare, ...] = ()
    success: tuple[Operation, ...] = ()
    failure: tuple[Operation, ...] = ()


class Compact(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Forget history up to and including `revision`; what is alive there stays readable."""

    revision: int


class LeaseGrant(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Grant a lease of `ttl_ms`. `lease` 0 lets the machine choose (deterministically); a taken id is refused."""

    ttl_ms: int
    lease: int = 0


class LeaseRevoke(msgspec.Struct, array_like=True, gc=False, frozen=True):
    lease: int


class LeaseKeepAlive(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Renew leases; one command carries all that are pending (DESIGN decision 9)."""

    leases: tuple[int, ...]


class LeaseExpire(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Proposed by the leader when log time has passed a deadline; each id is checked again by log time at apply."""

    leases: tuple[int, ...]


class SessionCreate(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Create a client session; its id is the result. It lives `ttl_ms` of log time after its last command."""

    ttl_ms: int


class SessionClose(msgspec.Struct, array_like=True, gc=False, frozen=True):
    session: int


class SessionExpire(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Proposed by the leader; each id is checked again by log time at apply."""

    sessions: tuple[int, ...]


class ClusterVersion(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Activate the entry kinds and apply semantics of `version` (DESIGN decision 8). Never decreases."""

    version: int


class ApplicationVersion(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Name and version of the application's own state machine that every member must run from here on."""

    name: str
    version: int


class MemberUpdate(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A member publishes its own name and addresses."""

    member_id: int
    name: str
    peer_url: str
    client_url: str


class LeafKey(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Binds the signature key of a leaf of the key group to the member whose it is; its proposer has checked the member's certificate."""

    member_id: int
    signature_key: bytes


class GroupCreate(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A fresh group of the members' keys (RFC 9420) takes the place of the one whose last entry has index `after_index` (0: of none).

    `group_info` (an MLSMessage with `external_pub`, without the tree) and `tree` (`ratchet_tree`) are of its epoch 0 for a lone member,
    else of epoch 1, into which `welcome` (an MLSMessage) lets the others. `leaf_keys`: one for each leaf.
    """

    after_index: int
    group_info: bytes
    tree: bytes
    welcome: bytes = b""
    leaf_keys: tuple[LeafKey, ...] = ()


class GroupCommit(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Ends epoch `epoch` of group `group_id` by a commit with a path; a no-op unless that is the current one.

    `proposals`: those that the commit names by reference, and `commit`: PublicMessages; `group_info` (with `external_pub`, without the
    tree): of the next epoch; `welcome`: for those that are added, else empty; each an MLSMessage. `leaf_keys`: one for each signature key
    that was in no leaf before.
    """

    group_id: bytes
    epoch: int
    commit: bytes
    group_info: bytes
    proposals: tuple[bytes, ...] = ()
    welcome: bytes = b""
    leaf_keys: tuple[LeafKey, ...] = ()


class Command(msgspec.Struct, array_like=True, gc=False):
    """One command of a batch (DESIGN decision 8). `payload` is the msgpack of the struct that `kind` names, not yet decoded.

    `session` 0 is none. `seq` counts from 1 within a session; replies below `acked_below` may be forgotten.
    `signature` is room for a client's signature over the payload.
    """

    kind: int
    version: int
    session: int
    seq: int
    acked_below: int
    principal: str
    auth_revision: int
    payload: msgspec.Raw
    signature: bytes = b""


BATCH_FORMAT = 1


class Batch(msgspec.Struct, array_like=True, gc=False):
    """The data of a normal log entry. `log_time_ms` is stamped by the proposer and never decreases (decision 9)."""

    format: int
    log_time_ms: int
    commands: list[Command]
