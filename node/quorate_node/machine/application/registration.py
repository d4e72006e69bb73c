"""Since when a machine is registered: a small durable file, so that a start without any snapshot knows where its log begins."""

from __future__ import annotations

from pathlib import Path

import msgspec

from quorate_node.store.durable_file import read_durable, sync_directory, write_durably
from quorate_node.store.errors import Damaged

_FILE = "registration"


class FirstRegistration(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The entry of the first registration; nothing before it was ever applied by a machine."""

    index: int
    name: str
    version: int


def write_registration(directory: Path, registration: FirstRegistration) -> None:
    """Durable on return. Raises `OSError`."""
    directory.mkdir(parents=True, exist_ok=True)
    write_durably(directory / _FILE, msgspec.msgpack.encode(registration))


def read_registration(directory: Path) -> FirstRegistration | None:
    """None: no machine was registered while this member ran. Raises `Damaged`."""
    raw = read_durable(directory / _FILE)
    if raw is None:
        return None
    try:
        return msgspec.msgpack.decode(raw, type=FirstRegistration)
    except msgspec.MsgspecError as error:
        raise Damaged(f"{directory / _FILE} cannot be decoded: {error}") from error


def remove_registration(directory: Path) -> None:
    """Durable on return. Raises `OSError`."""
    (directory / _FILE).unlink(missing_ok=True)
    sync_directory(directory)
