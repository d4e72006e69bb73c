"""The API server's own record of who asked it for what: what nobody says of himself is seen there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass
class Audit:
    """From the moment it is made, and again from every `restart`."""

    log: Path
    _begun: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._begun = self.log.stat().st_size

    def records(self) -> list[Record]:
        with self.log.open("rb") as file:
            file.seek(self._begun)
            data = file.read()
        # The last line may still be on its way.
        return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]

    def writes(self, by: Callable[[str], bool]) -> list[Record]:
        """Those of users whose names `by` takes, refused ones too."""
        return [each for each in self.records() if each["verb"] in WRITES and by(each["user"]["username"])]


def described(records: list[Record]) -> dict[str, int]:
    """How many there were of each kind: verb, resource, name, answer."""
    names = Counter[str]()
    for each in records:
        subject = each.get("objectRef", {})
        kind = "/".join(part for part in (subject.get("resource", ""), subject.get("subresource", "")) if part)
        status = each.get("responseStatus", {}).get("code", 0)
        names[f"{each['verb']} {kind} {subject.get('namespace', '')}/{subject.get('name', '')}: {status}"] += 1
    return dict(names)
