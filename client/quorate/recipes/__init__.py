"""Coordination out of keys, leases, transactions and watches: `Lock`, `Election`, `Barrier`, `DoubleBarrier`, `Queue`."""
