"""Who may lead after this leader."""

from __future__ import annotations

from quorate_node.replica.engine import Engine


def best_successor(engine: Engine) -> int:
    """The voter that may lead, answers, and has most of the log; higher priority first among those that have it all. 0: none."""
    configuration = engine.machine.configuration
    best, best_rank = 0, (-1, -1)
    for member_id, progress in engine.raft.status().progress.items():
        eligible = member_id in configuration.voters and member_id not in configuration.witnesses and member_id != engine.raft.id
        if not eligible or not progress.recent_active:
            continue
        record = engine.machine.members.get(member_id)
        rank = (progress.match, record.priority if record is not None else 0)
        if rank > best_rank:
            best, best_rank = member_id, rank
    return best


def faster_successor(engine: Engine) -> int:
    """The best successor, if it has on disk what this leader has not: else its disk is as slow. 0: none."""
    best, progress = best_successor(engine), engine.raft.status().progress
    own = progress.get(engine.raft.id)
    return best if best and (own is None or progress[best].match > own.match) else 0


def has_heir(engine: Engine) -> bool:
    """Whether there is another voter that may lead, heard or not."""
    configuration = engine.machine.configuration
    return any(voter != engine.raft.id and voter not in configuration.witnesses for voter in configuration.voters)
