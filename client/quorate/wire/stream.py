"""Frames of the pipelined binary stream (docs/api.md): a message is a msgpack array of these."""

from __future__ import annotations

import msgspec

from quorate.wire.results import Result, StreamFailure


class StreamRequest(msgspec.Struct, array_like=True, gc=False):
    """`payload` is the struct that `kind` names (`quorate.wire.commands`), left undecoded: the node puts it in the log as it is."""

    id: int
    kind: int
    consistency: int
    session: int
    seq: int
    acked_below: int
    payload: msgspec.Raw


class StreamResponse(msgspec.Struct, array_like=True, gc=False):
    id: int
    result: Result | StreamFailure
