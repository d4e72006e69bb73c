"""Durable storage behind one interface: on disk (the state in RocksDB, the log in files or in RocksDB) and in memory (the simulator's).

`open_store(path, settings, expected_identity, kind=...)` opens all of it: `Stores(directory, log, state)`. The log keeps term and
vote in its own hard state file; `stores.log.damaged()` must be empty, or repaired, before the protocol starts.
"""

from quorate_node.store.directory import DataDirectory, Directory, Identity
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.opening import StoreKind, Stores, open_store
from quorate_node.store.settings import StoreSettings

__all__ = ["DataDirectory", "Directory", "Identity", "MemoryDisk", "StoreKind", "StoreSettings", "Stores", "open_store"]
