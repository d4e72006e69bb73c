"""What users may say of the members' pods."""

from __future__ import annotations

from pydantic import Field

from quorate_operator.api.model import Annotations, Free, Labels, Model


class PodMetadata(Model):
    """Labels and annotations beside our own, which win."""

    labels: Labels = Field(default_factory=dict)
    """Labels of the pods."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the pods."""


class PodTemplate(Model):
    """Laid over the pod that the operator makes: fields replace ours, lists of named items are merged by name."""

    metadata: PodMetadata = PodMetadata()
    """Labels and annotations of the pods."""
    spec: Free = Field(default_factory=dict)
    """A PodSpec, of which only what should be other than ours is given."""


class Sidecar(Model):
    """The user's own pod, which the node joins as a native sidecar (`initContainers[].restartPolicy: Always`)."""

    template: PodTemplate
    """Your containers and volumes. Names that begin with `quorate` are ours."""
