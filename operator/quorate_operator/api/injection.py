"""Non-voting members in pods of others: what the sidecar is made of that a labelled pod gets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from quorate_operator.api.model import Model
from quorate_operator.api.workload import Resources

REMOVE_AFTER_S_MIN = 30
"""A look at the pods and one at the members are not of one moment: a pod that starts in between is not gone."""


class Injection(Model):
    """Pods of this namespace with the label `quorate.io/inject: <this name>` get the node as a sidecar, as a member that never votes.
    With `tls.mode` Operator their certificates say so, and the members hold them to it; with CertManager or Secret, where all members share
    one certificate, such pods start without."""

    enabled: bool = True
    """Whether such pods get it; without, they start as they are, and say so."""
    resources: Resources = Resources()
    """Processor and memory of that sidecar."""
    remove_after_seconds: Annotated[int, Field(ge=REMOVE_AFTER_S_MIN, le=86_400)] = 60
    """When its pod has been gone for so long, such a member is removed. It counts for no quorum: nothing is at risk before or by that."""
