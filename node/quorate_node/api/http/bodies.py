"""JSON bodies of requests. `T` is bytes for base64 (the default) and str for `"encoding": "text"`.

Defaults are left out when such a struct is encoded again: the check for duplicate fields counts on it (`duplicates.py`).
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from quorate_node.api.http.integers import INT64_MAX, INT64_MIN

T = TypeVar("T")
Int64 = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)] | str
Encoding = Literal["base64", "text"]
ConsistencyName = Literal["linearizable", "lease", "stale"]
SortOrderName = Literal["none", "ascend", "descend"]
SortTargetName = Literal["key", "version", "create", "modify", "value"]
CompareTargetName = Literal["version", "create", "modify", "value", "lease"]
CompareResultName = Literal["equal", "greater", "less", "not_equal"]


class Body(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Base of all request bodies: an unknown field is refused by name."""


class SessionBody(Body):
    """Makes a retried write take effect once."""

    id: Int64
    seq: Int64
    acked_below: Int64 = 1


class PutOperationBody(Body, Generic[T]):
    key: T
    value: T | UnsetType = UNSET
    lease: Int64 = 0
    previous: bool = False
    ignore_value: bool = False
    ignore_lease: bool = False


class PutBody(PutOperationBody[T], Generic[T]):
    session: SessionBody | None = None
    encoding: Encoding = "base64"


class DeleteOperationBody(Body, Generic[T]):
    key: T
    range_end: T | UnsetType = UNSET
    prefix: bool = False
    previous: bool = False


class DeleteBody(DeleteOperationBody[T], Generic[T]):
    session: SessionBody | None = None
    encoding: Encoding = "base64"


class RangeOperationBody(Body, Generic[T]):
    key: T
    range_end: T | UnsetType = UNSET
    prefix: bool = False
    limit: Int64 = 0
    revision: Int64 = 0
    sort_order: SortOrderName = "none"
    sort_target: SortTargetName = "key"
    keys_only: bool = False
    count_only: bool = False
    min_mod_revision: Int64 = 0
    max_mod_revision: Int64 = 0
    min_create_revision: Int64 = 0
    max_create_revision: Int64 = 0


class RangeBody(RangeOperationBody[T], Generic[T]):
    consistency: ConsistencyName = "linearizable"
    max_staleness_ms: Int64 = 0
    encoding: Encoding = "base64"


class CompareBody(Body, Generic[T]):
    key: T
    target: CompareTargetName = "version"
    result: CompareResultName = "equal"
    number: Int64 | UnsetType = UNSET
    value: T | UnsetType = UNSET
    range_end: T | UnsetType = UNSET


class OperationBody(Body, Generic[T]):
    """Exactly one field is set."""

    put: PutOperationBody[T] | UnsetType = UNSET
    delete: DeleteOperationBody[T] | UnsetType = UNSET
    range: RangeOperationBody[T] | UnsetType = UNSET
    txn: TxnOperationBody[T] | UnsetType = UNSET


class TxnOperationBody(Body, Generic[T]):
    compare: list[CompareBody[T]] = []
    success: list[OperationBody[T]] = []
    failure: list[OperationBody[T]] = []


class TxnBody(TxnOperationBody[T], Generic[T]):
    session: SessionBody | None = None
    encoding: Encoding = "base64"


class CompactBody(Body):
    revision: Int64
    session: SessionBody | None = None


class LeaseGrantBody(Body):
    ttl_ms: Int64
    lease: Int64 = 0
    session: SessionBody | None = None


class LeaseKeepAliveBody(Body):
    leases: list[Int64]


class SessionCreateBody(Body):
    ttl_ms: Int64


class ProposeBody(Body, Generic[T]):
    payload: T
    session: SessionBody | None = None
    encoding: Encoding = "base64"


class MemberAddBody(Body):
    peer_url: str
    name: str = ""
    witness: bool = False
    non_voting: bool = False
    priority: Int64 = 0
    expected_configuration_index: Int64 | None = None


class MemberChangeBody(Body):
    expected_configuration_index: Int64 | None = None


class MemberReplaceBody(Body):
    peer_url: str
    name: str = ""
    expected_configuration_index: Int64 | None = None


class TransferBody(Body):
    to: Int64 = 0


class BootstrapBody(Body):
    token: str


class NoBody(Body):
    """`{}` or no body at all."""
