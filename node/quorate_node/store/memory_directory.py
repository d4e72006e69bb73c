"""The data directory of a member in the simulator: the same rules over a `MemoryDisk`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from quorate_node.store.directory import Identity, check_identity, check_record_name, encode_record_value
from quorate_node.store.errors import StoreLocked
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.settings import StoreSettings

Value = TypeVar("Value")


class MemoryDirectory:
    """Implements `directory.Directory`. Small files are synced when they are written, so power loss keeps them."""

    def __init__(self, disk: MemoryDisk, settings: StoreSettings, expected_identity: Identity | None = None) -> None:
        if disk.opened_by is not None:
            raise StoreLocked("the simulated disk is in use: close its stores, or crash it, before opening it again")
        self._disk = disk
        self._settings = settings
        content = disk.records.get("identity")
        self.identity = None if content is None else msgspec.json.decode(content, type=Identity)
        if expected_identity is not None:
            check_identity(self.identity, expected_identity, "the simulated disk")
        disk.boots += 1
        disk.opened_by = self
        self.boot_counter = disk.boots
        self._staging: tempfile.TemporaryDirectory[str] | None = None

    def set_identity(self, identity: Identity) -> None:
        check_identity(self.identity, identity, "the simulated disk")
        self._disk.records["identity"] = msgspec.json.encode(identity)
        self.identity = identity

    def read_record(self, name: str, kind: type[Value]) -> Value | None:
        check_record_name(name)
        content = self._disk.records.get(f"record/{name}")
        return None if content is None else msgspec.json.decode(content, type=kind)

    def write_record(self, name: str, value: Any) -> None:
        check_record_name(name)
        self._disk.records[f"record/{name}"] = encode_record_value(name, value, self._settings.record_bytes_max)

    def staging(self) -> Path:
        """A real directory: snapshots are received into files. Lost with this object, unlike a real one's."""
        if self._staging is None:
            self._staging = tempfile.TemporaryDirectory(prefix="quorate-staging-")
        return Path(self._staging.name)

    def close(self) -> None:
        if self._disk.opened_by is self:
            self._disk.opened_by = None
        if self._staging is not None:
            self._staging.cleanup()
            self._staging = None
