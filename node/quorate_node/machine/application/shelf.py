"""What the host keeps on disk: the application's snapshots and since when a machine is registered. It decides what the log must keep."""

from __future__ import annotations

import logging
from pathlib import Path

from quorate_node.machine.application import snapshot_files
from quorate_node.machine.application.registration import FirstRegistration, read_registration, remove_registration, write_registration
from quorate_node.machine.application.snapshot_files import ApplicationSnapshot
from quorate_node.machine.interface import ApplicationFailed, Refused
from quorate_node.store.errors import Damaged

LOG = logging.getLogger("quorate.application")
Registered = tuple[str, int] | None


class SnapshotShelf:
    """`snapshots`: the newest first. Methods that read or write files are for any thread, one at a time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.first: FirstRegistration | None = None
        self.snapshots: list[ApplicationSnapshot] = []

    def open(self) -> None:
        """Raises `Damaged`, `OSError`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        snapshot_files.keep_newest(self.directory)
        self.first = read_registration(self.directory)
        self.snapshots = snapshot_files.list_snapshots(self.directory)

    def register(self, index: int, name: str, version: int) -> None:
        """Note the first registration, durably. Raises `ApplicationFailed` when the disk does not take it."""
        if self.first is not None:
            return
        first = FirstRegistration(index, name, version)
        try:
            write_registration(self.directory, first)
        except OSError as error:
            raise ApplicationFailed(f"the registration at index {index} cannot be written to {self.directory}: {error}") from error
        self.first = first

    def add(self, snapshot: ApplicationSnapshot) -> None:
        """A snapshot was written; the oldest goes."""
        snapshot_files.keep_newest(self.directory)
        self.snapshots = snapshot_files.list_snapshots(self.directory)
        assert any(kept.path == snapshot.path for kept in self.snapshots), "the newest snapshot is kept"

    def newest_whole(self) -> ApplicationSnapshot | None:
        """The newest that can be read to its end. A damaged one is said and deleted."""
        for snapshot in list(self.snapshots):
            try:
                snapshot_files.verify(snapshot)
            except Damaged as error:
                LOG.error("an application snapshot is damaged, an older one is taken: %s", error)
                snapshot.path.unlink(missing_ok=True)
                self.snapshots.remove(snapshot)
            else:
                return snapshot
        return None

    def check_foreign(self, path: Path, index: int, registered: Registered) -> ApplicationSnapshot:
        """Another member's file, verified. Raises `Refused`."""
        if registered is None:
            raise Refused("InvalidArgument", f"an application's snapshot at index {index}, where no machine is registered, was sent")
        return snapshot_files.check_of_cluster(path, index, registered)

    def replace(self, snapshot: ApplicationSnapshot | None, index: int, registered: Registered) -> None:
        """From now on everything begins at `index`: older snapshots go, `snapshot` (None: there is none to be had) is moved in."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for old in snapshot_files.list_snapshots(self.directory):
            old.path.unlink(missing_ok=True)
        remove_registration(self.directory)
        self.snapshots = []
        self.first = None
        if registered is not None:
            # A start without the snapshot then asks the log for this entry, which is not there, and says so.
            self.register(index, *registered)
        if snapshot is not None:
            self.snapshots = [snapshot_files.adopt(self.directory, snapshot)]

    def floor(self, applied_index: int, log_entries_kept_max: int) -> int | None:
        """The log must keep every entry above this index; None: the application needs none."""
        if self.snapshots:
            # The older of the two: if the newer one is damaged, the log must reach back to the other.
            floor = self.snapshots[-1].header.index
        elif self.first is not None:
            floor = self.first.index - 1
        else:
            return None
        return max(floor, applied_index - log_entries_kept_max)
