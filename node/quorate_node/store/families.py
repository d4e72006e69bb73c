"""The column families of the machine's database."""

from __future__ import annotations

STATE_FAMILIES = (
    "meta",  # applied index and term, revision, compacted revision, log time, hashes, Merkle frontier, cluster version, configuration
    "current",  # key -> create, mod, version, lease, value
    "history",  # escaped key + mod revision -> where it was superseded, of few versions: lookups at a revision step in here
    "revisions",  # revision + sub -> events with what they superseded: watches and lookups at any uncompacted revision
    "leases",  # lease -> granted ttl, deadline or remaining by log time
    "lease_keys",  # lease + key -> empty
    "sessions",  # session -> deadline, acked_below, last use
    "replies",  # session + seq -> result
    "members",  # member id -> MemberRecord
    "application",  # what the built-in application host keeps
)
