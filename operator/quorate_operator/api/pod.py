"""What users may say of the members' pods."""

from __future__ import annotations

from pydantic import Field

from quorate_operator.api.model import Annotations, Free, Labels, Model


class PodMetadata(Model):
    """Labels and annotations beside our own, which win."""

    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)


class PodTemplate(Model):
    """Laid over the pod that the operator makes: fields replace ours, lists of named items are merged by name."""

    metadata: PodMetadata = PodMetadata()
    spec: Free = Field(default_factory=dict)


class Sidecar(Model):
    """The user's own pod, which the node joins as a native sidecar (`initContainers[].restartPolicy: Always`)."""

    template: PodTemplate
    """Your containers and volumes. Names that begin with `quorate` are ours."""
