"""Quorate's client: `Cluster` (asyncio), `SyncCluster`, recipes, exceptions. Names are imported when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quorate.cluster import Cluster as Cluster
    from quorate.exceptions import ApiError as ApiError
    from quorate.exceptions import LeaseLost as LeaseLost
    from quorate.exceptions import LockLost as LockLost
    from quorate.exceptions import OutcomeUnknown as OutcomeUnknown
    from quorate.exceptions import QuorateError as QuorateError
    from quorate.lease import Lease as Lease
    from quorate.operations import Key as Key
    from quorate.operations import delete as delete
    from quorate.operations import get as get
    from quorate.operations import put as put
    from quorate.operations import txn as txn
    from quorate.options import Options as Options
    from quorate.options import Tls as Tls
    from quorate.recipes.barrier import Barrier as Barrier
    from quorate.recipes.barrier import DoubleBarrier as DoubleBarrier
    from quorate.recipes.election import Election as Election
    from quorate.recipes.lock import Lock as Lock
    from quorate.recipes.queue import Queue as Queue
    from quorate.state_machine import Rejected as Rejected
    from quorate.state_machine import StateMachine as StateMachine
    from quorate.stream_connection import StreamConnection as StreamConnection
    from quorate.sync import SyncCluster as SyncCluster

_WHERE = {
    "ApiError": "exceptions",
    "Barrier": "recipes.barrier",
    "Cluster": "cluster",
    "DoubleBarrier": "recipes.barrier",
    "Election": "recipes.election",
    "Key": "operations",
    "Lease": "lease",
    "LeaseLost": "exceptions",
    "Lock": "recipes.lock",
    "LockLost": "exceptions",
    "Options": "options",
    "OutcomeUnknown": "exceptions",
    "Queue": "recipes.queue",
    "QuorateError": "exceptions",
    "Rejected": "state_machine",
    "StateMachine": "state_machine",
    "StreamConnection": "stream_connection",
    "SyncCluster": "sync",
    "Tls": "options",
    "delete": "operations",
    "get": "operations",
    "put": "operations",
    "txn": "operations",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> object:
    """PEP 562: the command line starts in a fraction of the time when it does not import all of this."""
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'quorate' has no attribute {name!r}")
    return getattr(import_module(f"quorate.{module}"), name)


def __dir__() -> list[str]:
    return sorted(_WHERE)
