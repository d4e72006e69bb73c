"""How others reach the members: TLS, Services, metrics, network policy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quorate_operator.api.model import Annotations, Free, Labels, Model, Name, rule, rules


class IssuerReference(Model):
    """An issuer of cert-manager."""

    name: Name
    """Its name; an `Issuer` is in the cluster's own namespace."""
    kind: Literal["Issuer", "ClusterIssuer"] = "Issuer"
    """Whether it is of one namespace or of all."""
    group: Name = "cert-manager.io"
    """API group: another one for issuers that are not cert-manager's own."""


class Tls(Model):
    """Where the members' certificates come from. They are read again when they change; nothing restarts."""

    model_config = rules(
        rule(
            "(self.mode == 'Secret') == has(self.secretName)",
            "tls.secretName goes with tls.mode Secret and with no other: set both or neither",
        ),
        rule(
            "(self.mode == 'CertManager') == has(self.issuer)",
            "tls.issuer goes with tls.mode CertManager and with no other: set both or neither",
        ),
        rule(
            "self.mode == 'Operator' || self.rotateAuthorityAt == ''",
            "tls.rotateAuthorityAt goes with tls.mode Operator: in the other modes the CA is somebody else's; leave it out",
        ),
        rule(
            "(self.mode == 'Disabled') == (oldSelf.mode == 'Disabled')",
            "tls cannot be turned on or off in a running cluster: members with and without it do not hear each other;"
            " make a new cluster with tls.mode as it should be and restore a snapshot into it",
            field=".mode",
        ),
        rule(
            "(self.mode == 'Operator') == (oldSelf.mode == 'Operator')",
            "tls.mode cannot be changed to or from Operator in a running cluster: members of two CAs do not hear each other;"
            " make a new cluster with tls.mode as it should be and restore a snapshot into it",
            field=".mode",
        ),
    )

    mode: Literal["Disabled", "Operator", "Secret", "CertManager"] = "Disabled"
    """`Operator`: the operator is the issuer. Each member makes its key on its own volume and asks by a CertificateSigningRequest; its
    admin routes take the operator's client certificate alone. It needs an operator of all namespaces: such requests have none."""
    secret_name: Name | None = None
    """`tls.crt`, `tls.key` and `ca.crt`, for the names `*.<cluster>-members.<namespace>.svc` and `<cluster>.<namespace>.svc`."""
    issuer: IssuerReference | None = None
    """The issuer that cert-manager asks."""
    rotate_authority_at: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z:.+-]*$")] = ""
    """Change it, usually to the present time, and the operator's own CA is replaced by a new one; nothing restarts. It is replaced anyway
    when two thirds of its life are over."""


class ServiceTemplate(Model):
    """A Service that clients use."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """From where it is reached: within Kubernetes, by a port of every node, or from outside."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations beside ours, as load balancers ask for them."""
    labels: Labels = Field(default_factory=dict)
    """Labels beside ours, which win."""


class LeaderService(ServiceTemplate):
    """A Service that leads to the leader alone. Its one EndpointSlice is written by the leader, not by the operator."""

    enabled: bool = False
    """Make the Service `<name>-leader`."""


class Services(Model):
    """The Services that clients use; the members' own headless Service is always there."""

    client: ServiceTemplate = ServiceTemplate()
    """The Service `<name>`: any ready member."""
    leader: LeaderService = LeaderService()


class Metrics(Model):
    """A PodMonitor for the Prometheus operator, where its CRD exists."""

    pod_monitor: bool = True
    """Make the PodMonitor where there is such a kind."""
    interval_s: Annotated[int, Field(ge=5, le=3600)] = 30
    """Seconds between two scrapes."""
    labels: Labels = Field(default_factory=dict)
    """Labels by which the Prometheus finds the PodMonitor."""


class NetworkPolicy(Model):
    """Members' connections come from members only; clients' from wherever `clients` allows."""

    enabled: bool = True
    """Make the NetworkPolicy."""
    clients: Annotated[tuple[Free, ...], Field(max_length=16)] = ()
    """NetworkPolicyPeers that may use the API. Empty: everybody."""
