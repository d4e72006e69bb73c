"""Timing and limits of the node. Left out: the node's own defaults (docs/configuration.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from quorate_operator.api.model import Model, Name, rule, rules


class Timing(Model):
    """Times of the protocol, in milliseconds."""

    model_config = rules(
        rule(
            "self.electionTimeoutMs >= 5 * self.heartbeatMs",
            "timing.electionTimeoutMs must be at least five times timing.heartbeatMs, or one lost heartbeat costs the leader its place:"
            " raise the former or lower the latter",
            field=".electionTimeoutMs",
        ),
        rule(
            "self.readLeaseMs < self.electionTimeoutMs",
            "timing.readLeaseMs must be below timing.electionTimeoutMs: for so long no vote is given after a leader's death; 100 is usual",
            field=".readLeaseMs",
        ),
    )

    heartbeat_ms: Annotated[int, Field(ge=10, le=10_000)] = 50
    """Milliseconds between two signs of life of the leader."""
    election_timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = 500
    """Milliseconds without one after which the others elect; one whose process ends is followed sooner."""
    read_lease_ms: Annotated[int, Field(ge=20, le=10_000)] = 100
    """Milliseconds for which the leader may answer `lease` reads without asking the others anew."""
    shutdown_deadline_ms: Annotated[int, Field(ge=1_000, le=300_000)] = 15_000
    """From SIGTERM to the end of the process; the pod's grace period is 15 seconds longer."""


class KeyRotation(Model):
    """Rotation of the group's own key, with which members seal what they say to each other beside TLS. No release does that yet: what is
    set here is checked and kept, and has no effect until one does. Certificates and the CA have their own renewal (`tls`)."""

    model_config = rules(
        rule(
            "self.graceS < self.intervalS",
            "keyRotation.graceS must be below keyRotation.intervalS, or the old key would outlive the new one: lower the former or raise"
            " the latter",
            field=".graceS",
        ),
    )

    enabled: bool = False
    """Rotate the key."""
    interval_s: Annotated[int, Field(ge=60, le=31_536_000)] = 86_400
    """Seconds between two new keys."""
    grace_s: Annotated[int, Field(ge=1, le=86_400)] = 60
    """Seconds for which the key before is still opened with: for what is on its way, and for members that are late."""
    secret_name: Name | None = None
    """A Secret of yours, in the resource's namespace, whose content goes into every new key. Left out: the operator makes one."""


class Limits(Model):
    """Limits that a member enforces; each is counted in a metric when it is hit."""

    model_config = rules(
        rule(
            "!has(self.valueBytesMax) || !has(self.requestBytesMax) || self.valueBytesMax <= self.requestBytesMax",
            "limits.valueBytesMax is above limits.requestBytesMax: no request could carry such a value; raise limits.requestBytesMax too",
        ),
    )

    key_bytes_max: Annotated[int, Field(ge=64, le=1_048_576)] | None = None
    """Bytes of the longest key."""
    value_bytes_max: Annotated[int, Field(ge=1_024, le=67_108_864)] | None = None
    """Bytes of the largest value."""
    request_bytes_max: Annotated[int, Field(ge=1_024, le=67_108_864)] | None = None
    """Bytes of the largest request."""
    watches_max: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Open watches of one member."""
    connections_max: Annotated[int, Field(ge=10, le=1_000_000)] | None = None
    """Open connections of clients to one member."""
    requests_inflight_max: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Requests that one member works on at a time."""
    pending_commands_max: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Writes that wait at the leader to be committed."""
