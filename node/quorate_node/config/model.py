"""The one model of a node's configuration, what its parts must agree on, and what each room is given of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from quorate_node.api.settings import ApiSettings
from quorate_node.config.sections import (
    ApplicationSection,
    BootstrapSection,
    DiscoverySection,
    IdentitySection,
    KubernetesSection,
    ListenSection,
    LoggingSection,
    MemberSection,
    ShutdownSection,
    TlsSection,
)
from quorate_node.machine.limits import MachineLimits
from quorate_node.protocol.raft.config import RaftConfig
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.store.settings import StoreSettings
from quorate_node.transport.settings import TransportSettings

HIDDEN: dict[str, frozenset[str]] = {
    "raft": frozenset(
        {
            *("member_id", "priority", "election_ticks", "heartbeat_ticks", "read_lease_ms", "lease_drift_ms"),
            *("commit_eagerly", "confirm_by_quorum"),
            *("lease_based_reads", "replace_refused_membership", "disable_membership_validation"),
            *("disable_proposal_forwarding", "apply_unstable_entries"),
        }
    ),
    "replica": frozenset({"name", "peer_url", "client_url", "witness", "priority", "non_voting"}),
    "transport": frozenset({"advertised_url"}),
}
"""Fields of a room's settings that are not set by hand: they follow from other sections, or from the data directory."""

WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - named here to be recognised, not to be listened on
UNKNOWN_MEMBER_ID = 1
"""Stands in `raft` until the data directory has told the real one (`raft_config`)."""


class NodeConfig(BaseModel):
    """Built by `load`. Sections of rooms are the rooms' own settings, complete and checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    member: MemberSection = MemberSection()
    listen: ListenSection = ListenSection()
    discovery: DiscoverySection = DiscoverySection()
    kubernetes: KubernetesSection = KubernetesSection()
    bootstrap: BootstrapSection = BootstrapSection()
    tls: TlsSection = TlsSection()
    identity: IdentitySection = IdentitySection()
    application: ApplicationSection = ApplicationSection()
    logging: LoggingSection = LoggingSection()
    shutdown: ShutdownSection = ShutdownSection()
    replica: ReplicaSettings
    raft: RaftConfig
    machine: MachineLimits
    store: StoreSettings
    transport: TransportSettings
    api: ApiSettings

    @model_validator(mode="before")
    @classmethod
    def _follow(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """Fill in the hidden fields. A section with a fault of its own gives a stand-in here, and its fault is reported as its own."""
        try:
            listen = ListenSection.model_validate(raw.get("listen", {}))
            tls = TlsSection.model_validate(raw.get("tls", {}))
        except ValueError:
            listen, tls = ListenSection(), TlsSection()
        member = raw.get("member", {})
        peer_url, client_url = urls(listen, tls)
        own = {key: member[key] for key in ("name", "priority", "witness", "non_voting") if key in member}
        filled = {section: dict(raw.get(section, {})) for section in ("replica", "raft", "machine", "store", "transport", "api")}
        filled["replica"] |= {"peer_url": peer_url, "client_url": client_url, "name": MemberSection().name, **own}
        filled["raft"] |= {"member_id": UNKNOWN_MEMBER_ID}
        filled["transport"] |= {"advertised_url": peer_url}
        return {**raw, **filled}

    @model_validator(mode="after")
    def _agree(self) -> NodeConfig:
        problems = [*self._role_problems(), *self._address_problems(), *self._time_problems(), *self._size_problems()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _role_problems(self) -> list[str]:
        if not self.member.non_voting:
            return []
        problems = []
        if self.member.witness:
            problems.append("member.non_voting and member.witness are both true: a witness does nothing but vote; choose one")
        if self.bootstrap.token.get_secret_value():
            problems.append("member.non_voting is true and bootstrap.token is set: a cluster of one needs a vote; leave the token out")
        return problems

    def _address_problems(self) -> list[str]:
        problems = []
        if self.listen.host in WILDCARDS and not self.listen.client_url and not self.listen.advertise_host:
            problems.append(
                f"listen.host is {self.listen.host!r} and listen.client_url is empty: a wildcard is no address that others can dial; "
                "set listen.client_url to the one they shall use, or listen.advertise_host"
            )
        if self.listen.peer_port == self.listen.port:
            problems.append(f"listen.peer_port is {self.listen.peer_port}, as is listen.port: give each a port of its own")
        if peer_port(self.listen) > 65_535:
            problems.append(
                f"listen.peer_port is 0, which means the port after listen.port ({self.listen.port}), and there is none: name one"
            )
        if self.transport.member_binding_required and not self.tls.enabled:
            problems.append(
                "transport.member_binding_required is true and TLS is off: without it nobody shows a certificate; "
                "give the files of [tls], or leave it out"
            )
        if self.identity.source == "kubernetes" and not self.tls.enabled:
            problems.append(
                "identity.source is 'kubernetes' and TLS is off: there is no file to keep the certificate in; "
                "name tls.certificate_file, tls.key_file and tls.peer_ca_file"
            )
        scheme = "https://" if self.tls.enabled else "http://"
        for key, url in (("client_url", self.client_url), ("peer_url", self.peer_url)):
            if not url.startswith(scheme):
                problems.append(
                    f"listen.{key} is {url!r} and TLS is {'on' if self.tls.enabled else 'off'}: it must begin with {scheme}; "
                    "change the URL, or the files of [tls]"
                )
        return problems

    def _time_problems(self) -> list[str]:
        timing, problems = self.replica, []
        for key, value in (("heartbeat_ms", timing.heartbeat_ms), ("election_timeout_ms", timing.election_timeout_ms)):
            if value % timing.tick_ms:
                problems.append(f"replica.{key} is {value}; it must be a multiple of replica.tick_ms ({timing.tick_ms}): round it")
        for name, value in (("replica.shutdown_drain_ms", timing.shutdown_drain_ms), ("api.drain_timeout_ms", self.api.drain_timeout_ms)):
            if value > self.shutdown.deadline_ms:
                problems.append(
                    f"{name} is {value}, above shutdown.deadline_ms ({self.shutdown.deadline_ms}): what it waits for would be cut off; "
                    "lower it or raise the deadline"
                )
        return problems

    def _size_problems(self) -> list[str]:
        problems = []
        # base64 makes four bytes of three; the rest is the JSON around it.
        body_bytes_min = (self.machine.value_bytes_max + self.machine.key_bytes_max) * 4 // 3 + 1024
        if self.api.body_bytes_max < body_bytes_min:
            problems.append(
                f"api.body_bytes_max is {self.api.body_bytes_max}; the largest key and value need {body_bytes_min} in base64: "
                "raise it, or lower machine.value_bytes_max"
            )
        frame_bytes_min = self.raft.append_bytes_max + self.machine.request_bytes_max
        if self.transport.frame_bytes_max < frame_bytes_min:
            problems.append(
                f"transport.frame_bytes_max is {self.transport.frame_bytes_max}; an append of raft.append_bytes_max and one request of "
                f"machine.request_bytes_max need {frame_bytes_min}: raise it"
            )
        return problems

    @property
    def client_url(self) -> str:
        return urls(self.listen, self.tls)[1]

    @property
    def peer_url(self) -> str:
        return urls(self.listen, self.tls)[0]

    def raft_config(self, member_id: int) -> RaftConfig:
        """The protocol's settings for this member: times in ticks, from [replica]. Raises ValueError for an id out of range."""
        timing = self.replica
        return replace(
            self.raft,
            member_id=member_id,
            priority=self.member.priority,
            commit_eagerly=False,
            confirm_by_quorum=True,
            heartbeat_ticks=timing.heartbeat_ms // timing.tick_ms,
            election_ticks=timing.election_timeout_ms // timing.tick_ms,
            read_lease_ms=timing.read_lease_ms,
            lease_drift_ms=timing.read_lease_drift_ms,
        )


def peer_port(listen: ListenSection) -> int:
    return listen.peer_port or listen.port + 1


def urls(listen: ListenSection, tls: TlsSection) -> tuple[str, str]:
    """(peer URL, client URL) that others are told."""
    scheme = "https" if tls.enabled else "http"
    name = listen.advertise_host or (listen.host if listen.host not in WILDCARDS else "localhost")
    host = f"[{name}]" if ":" in name else name
    client_url = listen.client_url or f"{scheme}://{host}:{listen.port}"
    client_host = client_url.rpartition(":")[0]
    return listen.peer_url or f"{client_host}:{peer_port(listen)}", client_url
