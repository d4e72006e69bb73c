"""What the runner tells the tests inside the namespaces, by environment."""

from __future__ import annotations

STATE_VARIABLE = "QUORATE_KUBERNETES_STATE"
"""Folder of the cluster to be made."""
LOGS_VARIABLE = "QUORATE_KUBERNETES_LOGS"
IMAGES_VARIABLE = "QUORATE_KUBERNETES_IMAGES"
"""docker-archives that every node gets."""
IMAGE_VARIABLE = "QUORATE_KUBERNETES_IMAGE"
"""Name of the project's image on a cluster that KUBECONFIG names, where it must be already."""
IMAGE = "localhost/quorate:test"
"""Its name on our own."""
READY_FILE = "ready.json"
"""In the state's folder, once a cluster that is to be held is up."""
INSIDE_VARIABLE = "QUORATE_KUBERNETES_INSIDE"
"""Set for a command that was entered into a held cluster: pods' own addresses are reached from there."""
AUDIT_VARIABLE = "QUORATE_KUBERNETES_AUDIT_LOG"
"""The audit log of a cluster that KUBECONFIG names, where it can be read from here."""
