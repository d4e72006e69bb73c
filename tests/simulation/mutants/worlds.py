"""Where a planted bug is looked for: what a seed draws, as it is or with the faults that such a bug needs to show itself.

A directed world answers whether the checkers see the bug once its conditions are met; the drawn one, how soon a soak meets them.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate_node.simulator.options import Options, draw
from tests.simulation.mutants import ambushed_worlds, worlds_of_clients, worlds_of_leaders, worlds_of_logs, worlds_of_members


def _drawn(options: Options) -> Options:
    return options


WORLDS: dict[str, Callable[[Options], Options]] = {
    "drawn": _drawn,
    "plain": worlds_of_clients.plain,
    "crashes": worlds_of_logs.crashes,
    "elections": worlds_of_leaders.elections,
    "cut-off": worlds_of_leaders.cut_off,
    "believing": worlds_of_leaders.believing,
    "one-sided": worlds_of_leaders.one_sided,
    "one-sided-restarts": worlds_of_leaders.one_sided_restarts,
    "slow-cut-off": worlds_of_leaders.slow_cut_off,
    "new-leaders": worlds_of_leaders.new_leaders,
    "slow-new-leaders": worlds_of_leaders.slow_new_leaders,
    "pauses": worlds_of_leaders.pauses,
    "transfers": worlds_of_leaders.transfers,
    "reordered": worlds_of_logs.reordered,
    "figure-8": worlds_of_logs.figure_8,
    "slow-figure-8": worlds_of_logs.slow_figure_8,
    "lagging": worlds_of_logs.lagging,
    "snapshots": worlds_of_logs.snapshots,
    "changes": worlds_of_members.changes,
    "hasty-changes": worlds_of_members.hasty_changes,
    "split-changes": worlds_of_members.split_changes,
    "snapshot-changes": worlds_of_members.snapshot_changes,
    "leases": worlds_of_clients.leases,
    "restarts": worlds_of_logs.restarts,
    "alone": worlds_of_leaders.alone,
    "retries": worlds_of_clients.retries,
    "compactions": worlds_of_clients.compactions,
    "compaction-crashes": worlds_of_logs.compaction_crashes,
    "damage": worlds_of_logs.damage,
    "damaged-ends": worlds_of_logs.damaged_ends,
    "torn-files": worlds_of_logs.torn_files,
    "lost-snapshots": worlds_of_logs.lost_snapshots,
    "slow-installs": worlds_of_logs.slow_installs,
    "long-away": worlds_of_members.long_away,
    "early-votes": ambushed_worlds.early_votes,
    "early-votes-of-the-restarted": ambushed_worlds.early_votes_of_the_restarted,
    "offers": ambushed_worlds.offers,
    "late-answers": ambushed_worlds.late_answers,
    "late-confirmations": ambushed_worlds.late_confirmations,
    "late-indexes": ambushed_worlds.late_indexes,
    "frozen": ambushed_worlds.frozen,
}


def options_of(world: str, seed: int) -> Options:
    return WORLDS[world](draw(seed))
