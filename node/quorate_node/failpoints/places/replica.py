"""Failpoints of the replica: founding, joining, recovery, the engine's turn, snapshots, membership, care and shutdown."""

from __future__ import annotations

from quorate_node.failpoints.places import Places

_FOUNDING: Places = {
    "bootstrap.after_reset_before_entry": (
        "replica/founding.py",
        "an empty log is made, the cluster's first entry is not in it",
        "a bootstrap that is done anew",
    ),
    "bootstrap.after_entry_before_identity": (
        "replica/founding.py",
        "the first entry is durable, the directory belongs to nobody",
        "a bootstrap that is done anew, with other ids",
    ),
    "restore.after_install": ("replica/storage.py", "a snapshot file's content is in a state of its own", "a restore that is done anew"),
    "restore.before_switch": ("replica/storage.py", "the restored state is whole and not in use", "a restore that is done anew"),
    "restore.after_state_before_log": (
        "replica/founding.py",
        "the restored state is in use, the log is empty",
        "a restore that is done anew",
    ),
    "restore.after_log_before_identity": (
        "replica/founding.py",
        "state and log of the new cluster are whole, the directory belongs to nobody",
        "a restore that is done anew",
    ),
    "join.before_probe": ("replica/joining.py", "a listed peer is about to be asked who it is", "peers that are slow to answer"),
    "join.before_request": ("replica/joining.py", "a cluster is about to be asked to take this member in", "members that join together"),
    "join.serve.after_change": (
        "replica/welcoming.py",
        "the leader has added the newcomer and not told it",
        "an answer that is lost: the same id must be given again",
    ),
    "join.after_answer": (
        "replica/joining.py",
        "the newcomer has its identity in memory alone",
        "an id that nobody ever uses; the next request gets it again",
    ),
    "identity.before_write": ("replica/storage.py", "a directory is about to become a member's", "as before, later"),
    "join.after_identity": (
        "replica/replica.py",
        "the identity is durable, the peers' addresses are not",
        "a member that knows who it is and nobody else",
    ),
}

_STARTING: Places = {
    "member.start.before_machine": ("replica/replica.py", "the state is about to be opened", "a slow start"),
    "member.start.after_machine": ("replica/replica.py", "the state is open, the protocol has not begun", "a member that is up and silent"),
    "recovery.before": ("replica/replica.py", "damage was found in the log, repair is about to begin", "a quorum of damaged members"),
    "recovery.repair.after_fetch": ("replica/repair.py", "entries for a repair have come from a peer", "a peer that dies in between"),
    "recovery.before_rebase": ("replica/recovery.py", "the log is about to begin after the state", "a recovery that is begun again"),
    "recovery.after_confirmed_end": (
        "replica/recovery.py",
        "a leader has said where its log ends, or nobody has",
        "a change of leader between the answer and its use",
    ),
    "recovery.refetch.before_write": ("replica/recovery.py", "a whole tail is here and not written", "a recovery that is begun again"),
    "recovery.serve.before_confirmation": (
        "replica/member.py",
        "the leader waits for a quorum before it says where its log ends",
        "a leader that is deposed meanwhile",
    ),
    "recovery.serve.before_pin": (
        "replica/member.py",
        "a damaged member asks for a state, none is held for it yet",
        "a member that has to ask another one",
    ),
    "recovery.state.after_pin": (
        "replica/state_recovery.py",
        "a peer holds a state for this member, nothing of it is here",
        "a peer that lets go of it, or dies, in between",
    ),
    "recovery.state.before_switch": (
        "replica/state_recovery.py",
        "a peer's state is whole beside the old one, this member is in its term",
        "a recovery that is begun again, with the chunks that are here",
    ),
    "recovery.state.before_log": (
        "replica/state_recovery.py",
        "the new state is in use, the damaged log is as it was",
        "a state beyond a damaged log: what was acknowledged behind it must not be forgotten",
    ),
    "log.reset.before_write": ("replica/storage.py", "the log is about to begin anew after a snapshot", "a state beyond its log"),
}

_ENGINE: Places = {
    "messages.receive": (
        "replica/engine.py",
        "messages of a peer are about to be stepped",
        "`skip` loses the frame; `sleep` holds the loop up, as a slow host does",
        "skip",
    ),
    "messages.send": ("replica/engine.py", "messages are about to leave", "`skip` loses them", "skip"),
    "engine.after_persist_before_send": (
        "replica/engine.py",
        "what votes and acknowledgements depend on is durable, they have not left",
        "a member that promised to itself alone",
    ),
    "engine.before_apply": ("replica/applying.py", "committed entries are about to be applied", "a member that lags in applying"),
    "engine.after_apply_before_answer": (
        "replica/applying.py",
        "commands have taken effect, nobody was answered",
        "clients that must find out; sessions that must not apply twice",
    ),
    "engine.before_membership": ("replica/applying.py", "a membership change is about to take effect", "changes cut in half"),
    "engine.before_install": ("replica/engine.py", "the protocol has taken a snapshot", "an installation cut off at its start"),
    "writer.before_write": ("replica/writer.py", "a batch is about to go to the disk", "entries that are on other members' disks alone"),
    "writer.after_sync_before_report": (
        "replica/writer.py",
        "a batch is durable and shown to nobody",
        "acknowledgements that a crash holds back",
    ),
    "propose.before": ("replica/proposing.py", "a batch of commands is about to become an entry", "a leader that dies with its queue"),
    "read.before_round": ("replica/reads.py", "a round for reads is about to begin", "a leader that is deposed during a read"),
    "read.before_serve": ("replica/reads.py", "reads are confirmed and applied", "readers that are served late"),
    "lease.after_check": (
        "replica/service_face.py",
        "a read lease was found valid, the value is not read",
        "`sleep` beyond the lease: the second check must refuse",
    ),
    "forward.before_send": ("replica/forward.py", "a batch is about to go to the leader", "`error(PeerFailureUnsent)`: given back"),
    "forward.after_answer": ("replica/forward.py", "the leader has answered a batch", "`error(PeerFailure)`: an answer that is lost"),
    "forward.serve": (
        "replica/forwarded.py",
        "a follower's batch has come to the leader",
        "`error(PeerRefused)`; a leader that dies with it",
    ),
}

_SNAPSHOTS: Places = {
    "snapshot.offer": ("replica/catch_up.py", "a follower is about to be offered a snapshot", "`skip` loses the offer", "skip"),
    "snapshot.serve.manifest": ("replica/catch_up.py", "a snapshot's manifest is asked for", "a sender that lets go of its pin"),
    "snapshot.serve.chunk": ("replica/catch_up.py", "a chunk is asked for", "a slow or dying sender in the middle of a transfer"),
    "snapshot.fetch.before_write": (
        "replica/snapshot_fetching.py",
        "a chunk has come and is not kept",
        "a transfer that goes on after a restart",
    ),
    "snapshot.fetch.complete": ("replica/snapshot_fetching.py", "all chunks are here", "a transfer that is not begun anew"),
    "snapshot.install.prepared": (
        "replica/member.py",
        "the new state is filled and flushed beside the old one",
        "a snapshot that is outrun by the log meanwhile",
    ),
    "snapshot.install.before_switch": (
        "replica/storage.py",
        "the machine reads the new state, the pointer names the old one",
        "a crash that goes back to the old state",
    ),
    "snapshot.install.after_switch_before_log": (
        "replica/member.py",
        "the new state is durable, the log still ends before it",
        "a state beyond its log after a restart",
    ),
}

_CHANGES: Places = {
    "membership.before_propose": ("replica/administration.py", "a membership change is about to be proposed", "a leader that dies with it"),
    "membership.before_applied": (
        "replica/administration.py",
        "a membership change is proposed, its caller waits",
        "an answer that comes after the next change",
    ),
    "promotion.before_propose": (
        "replica/member.py",
        "a learner has caught up, its promotion is not proposed",
        "a learner that lags again",
    ),
    "transfer.before_request": ("replica/administration.py", "leadership is about to be handed over", "a successor that dies just then"),
    "leader.died.before_suspicion": (
        "replica/member.py",
        "the leader's process was seen to die",
        "followers that suspect at the same time",
    ),
    "shutdown.before_transfer": ("replica/replica.py", "a leader that stops is about to hand over", "a stop without its manners"),
    "shutdown.after_transfer": (
        "replica/replica.py",
        "leadership has gone, what is open is being finished",
        "a kill in the middle of a drain",
    ),
    "shutdown.before_close": ("replica/replica.py", "drained; connections and stores are about to close", "a kill before the last flush"),
    "handshake.before_announced": (
        "replica/announced.py",
        "a higher committed index is about to be told a peer, and not kept yet",
        "an honest member that must not look like a rolled-back volume",
    ),
}

_CARE: Places = {
    "compaction.before": ("replica/housekeeping.py", "the log may go", "`skip`: it stays", "skip"),
    "compaction.after_flush": ("replica/housekeeping.py", "the state is flushed, the log has all it had", "a compaction that is done anew"),
    "compaction.after_log": ("replica/housekeeping.py", "the log begins later, notes about it remain", "notes that are cleared later"),
    "expiry.before_propose": ("replica/housekeeping.py", "leases are due", "`skip`: they expire late, and never early", "skip"),
    "digests.before_compare": ("replica/housekeeping.py", "the leader is about to compare states", "`skip`: nobody compares", "skip"),
    "scrub.before": ("replica/housekeeping.py", "a stretch of the log is about to be read back", "a scrub that overlaps a compaction"),
    "stall.before_hand_over": ("replica/housekeeping.py", "the disk stalls and a successor is there", "a stall that ends just then"),
    "witness.before_save": ("replica/witness.py", "a witness is about to keep how far it is", "a witness that falls back behind its log"),
}

PLACES: Places = {**_FOUNDING, **_STARTING, **_ENGINE, **_SNAPSHOTS, **_CHANGES, **_CARE}
