"""The operator's settings: from the environment, or flags of the same names."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

PREFIX = "QUORATE_OPERATOR_"
RELEASE = importlib.metadata.version("quorate")

DnsLabel = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
DnsName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")]


class BadSettings(ValueError):
    """One clear line: the setting, its value, what is allowed."""


class Settings(BaseModel):
    """Each is `QUORATE_OPERATOR_<NAME>` in the environment, or `--<name>` with dashes; a flag wins."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    namespace: DnsLabel = "quorate-system"
    """The operator's own namespace: its Lease and its authorities' keys are there."""
    pod_name: Annotated[str, Field(min_length=1, max_length=253)] = "quorate-operator"
    """Who holds the Lease: one name for each replica."""
    watch_namespaces: tuple[DnsLabel, ...] = ()
    """Namespaces to work in, separated by commas. Empty: the whole cluster."""
    lease_name: DnsLabel = "quorate-operator"
    """Of the Lease that says which replica works."""
    lease_duration_s: Annotated[int, Field(ge=3, le=300)] = 15
    """After so long without a renewal another replica takes over."""
    image: Annotated[str, Field(min_length=1, max_length=512)] = "quorate"
    """Repository of the node's image, where a resource names none."""
    image_version: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[0-9A-Za-z._-]+$")] = RELEASE
    """Tag of it, where a resource names no version."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Of `/healthz`, `/readyz` and `/metrics`; 0 takes any free one."""
    tick_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """Every cluster is looked at at least this often, though nothing has woken the operator."""
    parallel: Annotated[int, Field(ge=1, le=100)] = 64
    """Clusters that are worked on at the same time. They share every look at the API server: few at a time would mean many looks."""
    webhook_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Of the webhook that puts members beside labelled pods, over TLS. 0: none."""
    webhook_name: DnsName = "quorate-operator-injection"
    """Of its MutatingWebhookConfiguration, and of the Secret in which its own authority and certificate are kept."""
    webhook_service: DnsLabel = "quorate-operator-webhook"
    """The Service, in the operator's namespace, by which the API server reaches it."""
    webhook_certificate_dir: Annotated[str, Field(max_length=4096)] = ""
    """Folder with `tls.crt` and `tls.key` that somebody else keeps up to date. Empty: the operator makes them itself."""
    log_format: Literal["json", "text"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("watch_namespaces", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def address_type(environment: Mapping[str, str]) -> str:
    """IPv4 or IPv6, as Kubernetes tells every container: the first family of its Services is that of its pods."""
    return "IPv6" if ":" in environment.get("KUBERNETES_SERVICE_HOST", "") else "IPv4"


def settings_from(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Raises `BadSettings`, and SystemExit for `--help` and unknown flags, as argparse does."""
    flags = vars(_parser().parse_args(arguments))
    given = {name: environment[PREFIX + name.upper()] for name in Settings.model_fields if environment.get(PREFIX + name.upper())}
    given |= {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        name = str(first["loc"][0])
        raise BadSettings(f"{PREFIX}{name.upper()} (--{name.replace('_', '-')}) is {first['input']!r}: {first['msg']}") from None


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="quorate-operator",
        description="Makes Quorate clusters of ConsensusCluster resources, and keeps them right. Runs in a pod, or beside a kubeconfig.",
        epilog=f"Every flag may be given in the environment instead: --tick-s as {PREFIX}TICK_S.",
    )
    made.add_argument("--version", action="version", version=f"quorate-operator {RELEASE}")
    for name, field in Settings.model_fields.items():
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        text = f"{field.description or name} (default: {default or 'none'})".replace("%", "%%")
        made.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=name.upper(), help=text)
    return made
