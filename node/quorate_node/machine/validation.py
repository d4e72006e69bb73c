"""Refusing before the log what has a wrong form or is too large: `Machine.check`."""

from __future__ import annotations

from typing import Any

import msgspec

from quorate.wire.commands import CommandKind, Compare, DeleteRange, LeaseGrant, LeaseKeepAlive, Operation, Put, Range, Txn
from quorate_node.machine import forms
from quorate_node.machine.handlers import KINDS
from quorate_node.machine.interface import Refused
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.nesting import DEPTH_MAX, check_nesting
from quorate_node.machine.rules import KIND_SINCE, RULES
from quorate_node.machine.txn_form import too_deep

_decode_put = msgspec.msgpack.Decoder(Put).decode
_encode = msgspec.msgpack.Encoder().encode
_PUT_FIELDS_MAX = 0x90 + len(Put.__struct_fields__)
"""First byte of a msgpack array of so many: what has no more fields than we know has nothing hidden in them."""


class Validation:
    """This member's limits, on top of the form that apply checks too. A plain put costs one decode and three comparisons."""

    def __init__(self, limits: MachineLimits) -> None:
        self._limits = limits
        self._key_bytes_max = limits.key_bytes_max
        self._request_bytes_max = min(limits.request_bytes_max, limits.value_bytes_max)

    def check(self, kind: int, payload: bytes | msgspec.Raw, cluster_version: int) -> None:
        """Raises `Refused`: its text names the field, the value, the limit and the remedy."""
        if kind == 1:
            try:
                put = _decode_put(payload)
            except msgspec.MsgspecError as error:
                raise Refused("MalformedBody", f"the payload is not a put: {error}") from error
            except RecursionError as error:
                raise Refused("TooManyOperations", f"the payload nests deeper than {DEPTH_MAX}: flatten it") from error
            key_bytes = len(put.key)
            fits = key_bytes <= self._key_bytes_max and key_bytes + len(put.value) <= self._request_bytes_max
            known = memoryview(payload)[0] <= _PUT_FIELDS_MAX
            if fits and key_bytes and known and not (put.ignore_value or put.ignore_lease):
                return
            self._check_decoded(put)
            self._check_unknown_fields(payload, put)
            forms.put(put, RULES[cluster_version])
            return
        self._check_other(kind, payload, cluster_version)

    def _check_other(self, kind: int, payload: bytes | msgspec.Raw, cluster_version: int) -> None:
        row = KINDS.get(kind)
        since = KIND_SINCE.get(kind)
        if row is None or since is None:
            raise Refused("InvalidArgument", f"command kind {kind} cannot be proposed: this release takes {sorted(KIND_SINCE)}")
        if since > cluster_version:
            message = f"command kind {kind} needs cluster version {since}, this cluster is at {cluster_version}: upgrade it"
            raise Refused("InvalidArgument", message)
        size = len(memoryview(payload))
        if size > self._limits.request_bytes_max:
            raise self._too_large(size)
        try:
            request = row.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Refused("MalformedBody", f"the payload is not a {CommandKind(kind).name}: {error}") from error
        except RecursionError as error:
            raise Refused("TooManyOperations", too_deep(RULES[cluster_version])) from error
        row.check(request, RULES[cluster_version])
        self._check_decoded(request)
        self._check_unknown_fields(payload, request)

    def _check_unknown_fields(self, payload: bytes | msgspec.Raw, request: Any) -> None:
        """A payload longer than what is known of it holds more: that must not nest so deep that a member cannot read it."""
        size = len(memoryview(payload))
        if size > len(_encode(request)):
            if size > self._limits.request_bytes_max:
                raise self._too_large(size)
            check_nesting(bytes(memoryview(payload)))

    def _check_decoded(self, request: Any) -> None:
        if isinstance(request, Put):
            self._key("key", request.key)
            if len(request.value) > self._limits.value_bytes_max:
                raise Refused(
                    "ValueTooLarge",
                    f"value is {len(request.value)} bytes, over value_bytes_max {self._limits.value_bytes_max}: store less under one key",
                )
            size = len(request.key) + len(request.value)
            if size > self._limits.request_bytes_max:
                raise self._too_large(size)
        elif isinstance(request, DeleteRange | Range | Compare):
            self._key("key", request.key)
            self._key("range_end", request.range_end)
            if isinstance(request, Range) and request.revision < 0:
                raise forms.negative_revision(request.revision)
        elif isinstance(request, LeaseGrant) and request.ttl_ms < 1:
            raise Refused("InvalidArgument", f"ttl_ms is {request.ttl_ms}; it must be at least 1")
        elif isinstance(request, Txn):
            for part in (*request.compare, *request.success, *request.failure):
                self._check_decoded(part)
        elif isinstance(request, Operation):
            self._check_decoded(request.put or request.delete_range or request.range or request.txn)
        elif isinstance(request, LeaseKeepAlive) and len(request.leases) > self._limits.keepalive_leases_max:
            raise Refused(
                "TooManyOperations",
                f"leases names {len(request.leases)}, over keepalive_leases_max {self._limits.keepalive_leases_max}: renew fewer at once",
            )

    def _too_large(self, size_bytes: int) -> Refused:
        message = f"the request is {size_bytes} bytes, over request_bytes_max {self._limits.request_bytes_max}: send less in one request"
        return Refused("BodyTooLarge", message)

    def _key(self, field: str, key: bytes) -> None:
        if len(key) > self._limits.key_bytes_max:
            raise Refused("KeyTooLarge", f"{field} is {len(key)} bytes, over key_bytes_max {self._limits.key_bytes_max}: use a shorter key")
