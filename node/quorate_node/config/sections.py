"""Sections that no room of the node owns: who this member is, where it listens, whom it talks to, how it starts and stops.

The limits of each room (`api`, `store`, ...) are the room's own `settings`; `model` puts both together.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

TOKEN_LENGTH_MAX = 256
NAME_LENGTH_MAX = 253
PEERS_MAX = 64
ADMINISTRATORS_MAX = 16
HOST_NAMES_MAX = 16
COMMON_NAME_CHARACTERS_MAX = 64
"""RFC 5280, ub-common-name."""
LABEL = r"^[A-Za-z0-9./_-]{1,317}=[A-Za-z0-9._-]{0,63}$"


def _refuse_bool(value: object) -> object:
    """`true` would pass as the number 1."""
    if isinstance(value, bool):
        raise ValueError("is true or false; it must be a whole number")
    return value


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is {url!r}, whose port is not between 0 and 65535") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port is None or parts.path not in ("", "/") or parts.query:
        raise ValueError(f"is {url!r}; it must be http://host:port or https://host:port, without a path")
    return url.rstrip("/")


Whole = Annotated[int, BeforeValidator(_refuse_bool)]
Url = Annotated[str, AfterValidator(_check_url)]
OptionalUrl = Annotated[str, AfterValidator(lambda url: _check_url(url) if url else url)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


class MemberSection(Section):
    """Who this member is. Its id is not here: it is drawn once and bound to the data directory."""

    name: Annotated[str, Field(max_length=NAME_LENGTH_MAX, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")] = "member"
    """Name of this member in listings and logs; unique in the cluster, so give each its own (in Kubernetes: the pod's name)."""
    data_dir: Path = Path("data")
    """Directory of this member's log and state. Empty at the first start, never shared, never copied: its identity is in it."""
    priority: Annotated[Whole, Field(ge=0, le=1_000)] = 0
    """A member of lower priority lets an up-to-date one of higher priority lead."""
    witness: bool = False
    """Store term and hash only: votes, never leads, never serves. Counts for a quorum at the price of a small disk."""
    non_voting: bool = False
    """Copy everything, serve, and never vote: no number of such members changes a quorum. Said once, when it joins, and kept by the
    cluster: it is never promoted, and to give it a vote it is removed and joins anew."""


class ListenSection(Section):
    """Where this member listens, and under which addresses others reach it. Clients and members have a port each: no number of clients
    keeps members apart, and each port asks for the certificates of its own CA."""

    host: str = "127.0.0.1"
    """Address to listen on. The default is reached from this machine only; `0.0.0.0` or `::` is every address of it."""
    port: Annotated[Whole, Field(ge=1, le=65_535)] = 7301
    """Port of the API, of health and of metrics."""
    peer_port: Annotated[Whole, Field(ge=0, le=65_535)] = 0
    """Port of the members' connections. 0: the one after `port`."""
    advertise_host: Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9.:_-]*$")] = ""
    """Host, or IP address of either family, from which the two URLs below are made where they are empty. Empty: `host`."""
    client_url: OptionalUrl = ""
    """URL that clients are sent to. Empty: made from host and port; needed when `host` is a wildcard and `advertise_host` is empty."""
    peer_url: OptionalUrl = ""
    """URL that the other members dial. Empty: made from the host of `client_url` and `peer_port`."""
    hand_over_socket: str = ""
    """Unix socket on which `python3 -I -m quorate_node.hand_over` asks this member to hand its leadership over, as a preStop hook does
    before the process is stopped. Only the member's own user reaches it. Empty: none."""


class DiscoverySection(Section):
    """How an empty member finds the others, and a restarted one those that moved."""

    kind: Literal["static", "dns", "kubernetes"] = "static"
    """`static`: the list `peers`. `dns`: every address that `dns_name` resolves to. `kubernetes`: the EndpointSlices of
    `kubernetes_service`, watched with the pod's own ServiceAccount (it may get, list and watch `endpointslices`), and `dns` while the API
    server is away or refuses."""
    peers: Annotated[tuple[Url, ...], Field(max_length=PEERS_MAX)] = ()
    """Peer URLs of the cluster's members; this member's own may be among them."""
    dns_name: str = ""
    """Name that resolves to all members (in Kubernetes: the headless service)."""
    dns_port: Annotated[Whole, Field(ge=0, le=65_535)] = 0
    """Peer port of the resolved addresses; 0: the port of this member's own peer URL."""
    interval_ms: Annotated[Whole, Field(ge=100, le=3_600_000)] = 5_000
    """How often the name is resolved again."""
    kubernetes_service: Annotated[str, Field(pattern=r"^$|^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")] = ""
    """Headless Service of the members, in the pod's own namespace. `dns_name` is its name in DNS, below which each member has its own."""

    @model_validator(mode="after")
    def _kind_has_its_source(self) -> DiscoverySection:
        if self.kind == "dns" and not self.dns_name:
            raise ValueError("kind is 'dns' and dns_name is empty: name the service that resolves to all members, or use kind 'static'")
        if self.kind == "kubernetes" and not (self.kubernetes_service and self.dns_name):
            missing = "dns_name" if self.kubernetes_service else "kubernetes_service"
            raise ValueError(
                f"kind is 'kubernetes' and {missing} is empty: name the members' headless Service in kubernetes_service, and in dns_name "
                "as <service>.<namespace>.svc, which is asked while the API server is away"
            )
        if self.kind != "kubernetes" and self.kubernetes_service:
            raise ValueError(
                f"kubernetes_service is {self.kubernetes_service!r} and kind is {self.kind!r}: set kind to 'kubernetes', or leave it out"
            )
        if self.kind == "static" and self.dns_name:
            raise ValueError(f"dns_name is {self.dns_name!r} and kind is 'static': set kind to 'dns', or leave dns_name out")
        return self


def _check_address(address: str) -> str:
    try:
        ipaddress.ip_address(address or "::")
    except ValueError as error:
        raise ValueError(f"is {address!r}; it must be an IP address, the pod's own (status.podIP)") from error
    return address


class KubernetesSection(Section):
    """What a member in a pod does with its own ServiceAccount. None of it is needed to elect, to commit or to serve."""

    service_account_dir: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    """Folder with `token`, `ca.crt` and `namespace`, as the kubelet mounts and renews it."""
    leader_slice: Annotated[str, Field(pattern=r"^$|^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")] = ""
    """EndpointSlice of the leader's Service, which must be there already: whoever leads writes its own address into it (and may get and
    patch this one). Empty: none."""
    pod_address: Annotated[str, AfterValidator(_check_address)] = ""
    """The pod's own address, which the leader writes there (`status.podIP` of the downward API)."""

    @model_validator(mode="after")
    def _leader_has_an_address(self) -> KubernetesSection:
        if self.leader_slice and not self.pod_address:
            raise ValueError(
                f"leader_slice is {self.leader_slice!r} and pod_address is empty: give QUORATE_KUBERNETES__POD_ADDRESS from status.podIP"
            )
        return self


class BootstrapSection(Section):
    """The first start of a cluster. Exactly one member is given a token; a restart needs none."""

    token: Annotated[SecretStr, Field(max_length=TOKEN_LENGTH_MAX)] = SecretStr("")
    """An empty member that has a token makes a cluster of one, once, unless a listed peer already knows the token. The others join it."""


class TlsSection(Section):
    """TLS from files, read again when they change. All empty: plain HTTP."""

    certificate_file: Path | None = None
    """PEM certificate chain of this member, for clients and members alike."""
    key_file: Path | None = None
    """PEM private key of `certificate_file`."""
    client_ca_file: Path | None = None
    """PEM bundle: clients must show a certificate that one of these signed. Empty: any client."""
    client_authentication: Literal["required", "optional"] = "required"
    """`optional`: a client may come without a certificate; one that it shows is checked against `client_ca_file` all the same."""
    administrators: Annotated[tuple[str, ...], Field(max_length=ADMINISTRATORS_MAX)] = ()
    """URI or DNS names of client certificates. When not empty, membership, leadership, founding, restoring and snapshots are only for them
    (docs/api.md); the member's own certificate may hand its leadership over and fetch a snapshot."""
    peer_ca_file: Path | None = None
    """PEM bundle: members must show a certificate that one of these signed (mTLS). Needed as soon as there is a certificate."""
    peer_verify_hostname: bool = True
    """A member that is dialled must show a certificate for the host of its peer URL. `false` where addresses are not in the certificates:
    then set `transport.member_binding_required`, or every member can answer for every other."""

    @property
    def enabled(self) -> bool:
        return self.certificate_file is not None

    @model_validator(mode="after")
    def _files_belong_together(self) -> TlsSection:
        if (self.certificate_file is None) != (self.key_file is None):
            missing = "certificate_file" if self.certificate_file is None else "key_file"
            raise ValueError(f"{missing} is missing: a certificate and its key come together; give both or neither")
        if self.certificate_file is None and (self.client_ca_file or self.peer_ca_file):
            raise ValueError("there is a CA bundle and no certificate_file: without TLS nobody can be asked for a certificate; give one")
        if self.administrators and self.client_ca_file is None:
            raise ValueError("administrators are named and client_ca_file is missing: nobody could show a certificate; name the bundle")
        if self.certificate_file is not None and self.peer_ca_file is None:
            raise ValueError("peer_ca_file is missing: with TLS, members authenticate each other; name the bundle that signs them")
        return self


class IdentitySection(Section):
    """Where this member's certificate comes from."""

    source: Literal["files", "kubernetes"] = "files"
    """`files`: somebody else keeps the files of [tls] up to date. `kubernetes`: the member makes `tls.key_file` itself, once, and asks for
    `tls.certificate_file` by a CertificateSigningRequest, again when half of its life is over."""
    host_names: Annotated[tuple[str, ...], Field(max_length=HOST_NAMES_MAX)] = ()
    """DNS names to ask for; `{name}` stands for `member.name`. Exactly these are asked for, and nothing else is signed."""
    common_name: Annotated[str, Field(max_length=COMMON_NAME_CHARACTERS_MAX)] = ""
    """The certificate's subject. Empty: `member.name`."""
    signer: str = "quorate.io/member"
    """signerName of the request."""
    request_labels: Annotated[tuple[Annotated[str, Field(pattern=LABEL)], ...], Field(max_length=HOST_NAMES_MAX)] = ()
    """Labels of the request, `name=value`, by which an operator finds it. They prove nothing."""

    @model_validator(mode="after")
    def _source_has_its_names(self) -> IdentitySection:
        if self.source == "kubernetes" and not self.host_names:
            raise ValueError("source is 'kubernetes' and host_names is empty: a certificate needs a name; list those of this member")
        return self


class ApplicationSection(Section):
    """The application's own state machine."""

    machine: Annotated[str, Field(pattern=r"^$|^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] = ""
    """`module:Class` of a `quorate.state_machine.StateMachine`, run in a process of its own. Empty: none."""
    command_timeout_ms: Annotated[Whole, Field(ge=1_000, le=86_400_000)] = 60_000
    """For one command. A process that answers nothing for longer hangs: it is killed, and started again like one that died."""
    state_timeout_ms: Annotated[Whole, Field(ge=1_000, le=86_400_000)] = 600_000
    """As long for its state: to give the first bytes of a snapshot and each further piece, or to restore one whole."""


class LoggingSection(Section):
    """What the node says of itself."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is written."""
    format: Literal["text", "json"] = "text"
    """`json`: one object a line, for collectors."""


class ShutdownSection(Section):
    """SIGTERM: leadership is handed over, open requests finish, the state is flushed."""

    deadline_ms: Annotated[Whole, Field(ge=100, le=600_000)] = 15_000
    """From the signal to the end of the process; what is not done by then is cut off. Keep it below the supervisor's own patience."""
