"""What may leave the house: objects and logs without what could be a secret."""

from __future__ import annotations

import re
from typing import Any

from quorate_operator.api.model import GROUP
from quorate_operator.objects.identity import Object

LEFT_OUT = "<left out>"
OURS = "quorate"
"""Names of our containers and of our environment's variables begin with it: they hold no secrets."""
ANNOTATIONS_KEPT = (f"{GROUP}/", "deployment.kubernetes.io/", "pv.kubernetes.io/", "volume.kubernetes.io/", "kubernetes.io/")
CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
_FREE_WORDS = frozenset({"args", "command", "value", "httpHeaders"})
"""Below a container that is not ours: a password on a command line, in the environment, in a probe's header."""
_FREE_MAPS = frozenset({"volumeAttributes", "options", "parameters", "stringData"})
_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"),  # a JSON Web Token, as ServiceAccounts have
    re.compile(r"(?<=[Bb]earer )[\w.~+/=-]{8,}"),
    re.compile(r"(?<=[Bb]asic )[A-Za-z0-9+/=]{8,}"),
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),
    re.compile(r"(?i)(?<=password=)[^\s&\"',]+|(?<=secret=)[^\s&\"',]+|(?<=token=)[^\s&\"',]+"),
    re.compile(r"(?im)(?<=password\": \")[^\"]*|(?<=secret\": \")[^\"]*|(?<=token\": \")[^\"]*"),
)


def text(words: str) -> str:
    """Keys, tokens and passwords in a text, by their looks."""
    for pattern in _PATTERNS:
        words = pattern.sub(LEFT_OUT, words)
    return words


def item(found: Object) -> Object:
    """An object of Kubernetes, without what a user may have written secrets into. A Secret keeps the names of its fields alone."""
    if found.get("kind") == "Secret":
        fields = dict.fromkeys(found.get("data") or {}, LEFT_OUT)
        return {"kind": "Secret", "metadata": {"name": found.get("metadata", {}).get("name", "")}, "data": fields}
    shown: Object = _value({key: value for key, value in found.items() if key != "metadata"})
    kind: Object = {key: found[key] for key in ("apiVersion", "kind") if key in found}
    return {**kind, "metadata": _metadata(found.get("metadata", {})), **shown}


def _metadata(found: Object) -> Object:
    """Who set which field is of no use to anybody else; an annotation may hold a whole object (kubectl's last applied one)."""
    shown = {key: value for key, value in found.items() if key not in ("managedFields", "annotations")}
    annotations = found.get("annotations") or {}
    if annotations:
        shown["annotations"] = {name: text(value) if name.startswith(ANNOTATIONS_KEPT) else LEFT_OUT for name, value in annotations.items()}
    return shown


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return [_value(each) for each in value]
    if not isinstance(value, dict):
        return value
    shown: Object = {}
    for key, each in value.items():
        if key in CONTAINER_LISTS and isinstance(each, list):
            shown[key] = [_container(container) for container in each]
        elif key == "metadata" and isinstance(each, dict):
            shown[key] = _metadata(each)
        elif key in _FREE_MAPS and isinstance(each, dict):
            shown[key] = dict.fromkeys(each, LEFT_OUT)
        else:
            shown[key] = _value(each)
    return shown


def _container(found: Any) -> Any:
    if not isinstance(found, dict):
        return found
    shown: Object = _value(found)
    if not str(found.get("name", "")).startswith(OURS):
        return _without_free_words(shown)
    if "env" in shown:
        shown["env"] = [each if str(each.get("name", "")).lower().startswith(OURS) else _without_free_words(each) for each in shown["env"]]
    return shown


def _without_free_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_free_words(each) for each in value]
    if isinstance(value, dict):
        return {key: LEFT_OUT if key in _FREE_WORDS else _without_free_words(each) for key, each in value.items()}
    return value
