"""The StatefulSet: it gives pods names and volumes, and nothing else. Which pod is replaced when is decided here, not there."""

from __future__ import annotations

from dataclasses import replace

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.identity import DATA_VOLUME, DEFAULT_IMAGE_ANNOTATION, TEMPLATE_VERSION_ANNOTATION, Identity, Object
from quorate_operator.objects.pod import pod_template

TEMPLATE_VERSION = 1
"""Of the newest pod template that this operator builds. A StatefulSet keeps the version that it was made with until its pods have a
reason of their own to be replaced, so that a new operator restarts nothing."""
TEMPLATES = {1: pod_template}
"""Every version that a living StatefulSet may be pinned to."""


class UnknownTemplateVersion(ValueError):
    """The StatefulSet was made by a newer operator."""


def stateful_set(spec: ConsensusClusterSpec, identity: Identity, *, replicas: int, template_version: int = TEMPLATE_VERSION) -> Object:
    """`replicas` is what the plan has got to, not `spec.replicas`. Raises `UnknownTemplateVersion`.

    `Parallel`: a sick low ordinal never holds up the others. `OnDelete`: no pod is replaced behind the restart gate's back.
    """
    if template_version not in TEMPLATES:
        raise UnknownTemplateVersion(
            f"the pods were made with template version {template_version} and this operator knows {min(TEMPLATES)} to {max(TEMPLATES)}:"
            " install the operator's newer release again"
        )
    annotations = {
        TEMPLATE_VERSION_ANNOTATION: str(template_version),
        DEFAULT_IMAGE_ANNOTATION: f"{identity.default_image}:{identity.default_version}",
    }
    claim: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": DATA_VOLUME, "labels": identity.selector},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": spec.storage.size}},
            **({"storageClassName": spec.storage.class_name} if spec.storage.class_name else {}),
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": identity.metadata(identity.name, annotations=annotations),
        "spec": {
            "replicas": replicas,
            "serviceName": identity.members_service,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            # Whatever happens to the StatefulSet, the volumes stay: only the resource's own deletion may take them.
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": identity.selector},
            "template": TEMPLATES[template_version](spec, replace(identity, template_version=template_version)),
            "volumeClaimTemplates": [claim],
        },
    }
