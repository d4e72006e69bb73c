"""Durable storage behind one interface: RocksDB (default) and memory (the simulator's)."""
