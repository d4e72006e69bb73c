"""A lock with a fencing token.

    async with Lock(cluster, "jobs/nightly") as lock:
        await lock.txn().then(put("report", "..")).commit()      # refused when the lock is not ours any more
        storage.write(data, fencing_token=lock.token)            # the storage refuses a token below one it has seen

A lease-based lock alone cannot exclude a holder that was paused (a long garbage collection, a suspended machine) and wakes up
believing it still holds. The token can: it is the revision at which this holder came, greater for every later holder.
"""

from __future__ import annotations

from quorate.recipes.held import Held


class Lock(Held):
    """Mutual exclusion by name, first come first served. One object a contender; not re-entrant.

    `ttl_ms`: how long after the holder's death the next one gets it. `timeout_s`: how long `async with` waits (None: for ever).
    """
