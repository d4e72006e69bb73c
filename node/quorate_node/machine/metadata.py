"""The one record that every apply rewrites: how far the machine is, and the hashes that bind it to its log."""

from __future__ import annotations

import msgspec

from quorate_node.crypto.merkle import Frontier
from quorate_node.machine.records import LOCAL_PREFIX
from quorate_node.machine.rules import CLUSTER_VERSION_FIRST, THIS_RELEASE, Release
from quorate_node.protocol.entry import CHAIN_START
from quorate_node.protocol.membership import Configuration
from quorate_node.store.errors import FormatTooNew, FormatTooOld
from quorate_node.store.interface import StateReader

STATE_KEY = b"state"
PURGED_KEY = LOCAL_PREFIX + b"purged"
"""Revision below which compacted history was physically removed on this member."""
STATE_FORMAT = 2
DIGEST_START = bytes(32)


class MachineState(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Key `STATE_KEY` of `meta`; equal on all members at equal `applied_index`. A field may be appended, never moved."""

    format: int = STATE_FORMAT
    applied_index: int = 0
    applied_term: int = 0
    revision: int = 1
    """As in etcd an empty store is at revision 1 and the first write makes 2."""
    compacted_revision: int = 0
    log_time_ms: int = 0
    cluster_version: int = CLUSTER_VERSION_FIRST
    key_count: int = 0
    chain: bytes = CHAIN_START
    frontier: bytes = bytes(8)
    """`Frontier.encode()`."""
    digest: bytes = DIGEST_START
    configuration: Configuration = Configuration()
    application: tuple[str, int] | None = None
    """Name and version of the application's machine, once one was registered by an entry."""


_decode = msgspec.msgpack.Decoder(MachineState).decode
encode_state = msgspec.msgpack.Encoder().encode


def read_state(reader: StateReader, release: Release = THIS_RELEASE) -> tuple[MachineState, Frontier]:
    """The record, or the initial one of an empty store. Raises `FormatTooNew`, `FormatTooOld`, `MalformedFrontier`,
    `msgspec.DecodeError`."""
    raw = reader.getter("meta")(STATE_KEY)
    state = MachineState() if raw is None else _decode(raw)
    if state.format > STATE_FORMAT:
        raise FormatTooNew(
            f"the state's format is {state.format} and this release reads up to {STATE_FORMAT}: run the newer release that wrote it"
        )
    if state.format < STATE_FORMAT:
        raise FormatTooOld(
            f"the state's format is {state.format}, of a development version before 0.1.0, and this release reads {STATE_FORMAT}: "
            f"start with an empty data directory and write your data anew"
        )
    if not release.knows(state.cluster_version):
        raise FormatTooNew(
            f"the state is at cluster version {state.cluster_version} and this release applies {release.version_low} to "
            f"{release.version_high}: run a release that knows it"
        )
    return state, Frontier.decode(state.frontier)
