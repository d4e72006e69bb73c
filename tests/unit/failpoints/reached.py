"""Which test reaches which failpoint. Each scenario asserts its own; `test_reached.py` asserts that together they are all."""

from __future__ import annotations

from quorate_node.failpoints.sites import SITES

FOUNDED = """
    bootstrap.after_entry_before_identity bootstrap.after_reset_before_entry handshake.before_announced hard_state.save.after_sync
    hard_state.save.before_write identity.before_write join.after_answer join.after_identity join.before_probe join.before_request
    join.serve.after_change log.reset.before_write log.write.after_commit log.write.before_commit member.start.after_machine
    member.start.before_machine membership.before_applied membership.before_propose promotion.before_propose state.flush.before
    state.switch.after_pointer
"""
AT_WORK = """
    engine.after_apply_before_answer engine.after_persist_before_send engine.before_apply engine.before_membership forward.after_answer
    forward.before_send forward.serve lease.after_check messages.receive messages.send propose.before read.before_round read.before_serve
    writer.after_sync_before_report writer.before_write state.write.before
"""
CARED_FOR = "digests.before_compare expiry.before_propose scrub.before stall.before_hand_over transfer.before_request"
COMPACTED = "compaction.after_flush compaction.after_log compaction.before log.compact.after_marker"
SNAPSHOT = """
    engine.before_install snapshot.chunk.before_rename snapshot.fetch.before_write snapshot.fetch.complete
    snapshot.install.after_switch_before_log snapshot.install.before_flush snapshot.install.before_meta snapshot.install.before_switch
    snapshot.install.prepared snapshot.offer snapshot.serve.chunk snapshot.serve.manifest
"""
STOPPED = "leader.died.before_suspicion shutdown.after_transfer shutdown.before_close shutdown.before_transfer"
RESTORED = "restore.after_install restore.after_log_before_identity restore.after_state_before_log restore.before_switch"
REPAIRED = "log.repair.before_commit recovery.before recovery.repair.after_fetch"
FETCHED_ANEW = "recovery.after_confirmed_end recovery.refetch.before_write recovery.serve.before_confirmation"
REBASED = "recovery.before_rebase"
STATE_FETCHED = "recovery.serve.before_pin recovery.state.after_pin recovery.state.before_log recovery.state.before_switch"
WITNESSED = "witness.before_save"
ROCKSDB_STORE = """
    directory.create.before_format directory.open.after_boot_count hard_state.save.before_sync log.forget_tail.before_commit
    log.rocksdb.before_sync log.rocksdb.before_write record.write.before_directory_sync record.write.before_rename
    record.write.before_sync state.switch.before_pointer
"""
ROCKSDB_REBUILT = "log.rebuild.between_renames"
FILE_STORE = """
    log.begin.after_write log.begin.before log.file.after_write log.file.before_roll log.file.before_write log.synced.before_report
    segment.prepare.before_allocate segment.prepare.before_directory_sync segment.prepare.before_rename
    segment.recycle.before_directory_sync
"""
REAL_MEMBERS = "api.bootstrap.before_answer api.snapshot.before_piece " + " ".join(name for name in SITES if name.startswith("transport."))
"""By real processes, in tests/cluster/test_failpoints.py: they have sockets, and are asked through their endpoints."""

SCENARIOS = (
    FOUNDED, AT_WORK, CARED_FOR, COMPACTED, SNAPSHOT, STOPPED, RESTORED, REPAIRED, FETCHED_ANEW, REBASED, STATE_FETCHED, WITNESSED,
    ROCKSDB_STORE, ROCKSDB_REBUILT, FILE_STORE, REAL_MEMBERS,
)  # fmt: skip


def names(scenario: str) -> set[str]:
    return set(scenario.split())
