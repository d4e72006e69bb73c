"""The two families: misuse of the failpoints themselves, and the errors that a failpoint raises on purpose."""

from __future__ import annotations

import errno
import os
from importlib import import_module


class FailpointMisuse(ValueError):
    """A name that does not exist, an action that cannot be read, or one that its place cannot carry out."""


class FailpointError(Exception):
    """What `error` without a name raises: an exception that nobody expects, as a bug would."""


_TEXT = {
    "StoreFailed": "quorate_node.store.errors",
    "NoSpace": "quorate_node.store.errors",
    "Backpressure": "quorate_node.store.errors",
    "Damaged": "quorate_node.store.errors",
}
"""Exceptions made of one text, by the module that has them: named, not imported, because this is the lowest room."""
_PEER = ("PeerFailure", "PeerFailureUnsent", "PeerRefused")
_PEER_MODULE = "quorate_node.transport.interface"

NAMES = (*_TEXT, *_PEER, "ConnectionResetError", "TimeoutError")
"""Beside the names of `errno` (EIO, ENOSPC ...), which raise `OSError`."""


def check_error(name: str) -> None:
    """Raises `FailpointMisuse` for a name that `make_error` does not know. Empty: `FailpointError`."""
    if name and name not in NAMES and not (name.startswith("E") and name in errno.errorcode.values()):
        raise FailpointMisuse(f"error({name}): there is no such error; use one of {', '.join(NAMES)}, an errno as EIO, or error alone")


def make_error(name: str, failpoint: str) -> Exception:
    """A new exception of that name, whose text says which failpoint raised it."""
    text = f"failpoint {failpoint}"
    if not name:
        return FailpointError(text)
    if name in _TEXT:
        made = getattr(import_module(_TEXT[name]), name)(text)
    elif name in _PEER:
        module = import_module(_PEER_MODULE)
        if name == "PeerRefused":
            made = module.PeerRefused("NotReady", text)
        else:
            made = module.PeerFailure(text, sent=name == "PeerFailure")
    elif name == "ConnectionResetError":
        return ConnectionResetError(errno.ECONNRESET, text)
    elif name == "TimeoutError":
        return TimeoutError(text)
    else:
        number = getattr(errno, name)
        return OSError(number, f"{os.strerror(number)} ({text})")
    assert isinstance(made, Exception), f"{name} is an exception"
    return made
