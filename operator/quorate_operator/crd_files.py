"""Writes `crds/` anew from the models: `python -m quorate_operator.crd_files crds` (`make crds`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from quorate_operator.api.admission import warning_policy
from quorate_operator.api.crd import custom_resource_definition

HEADER = "# Made from the models in operator/quorate_operator/api by: make crds\n"
COLUMNS_MAX = 120


def files() -> Mapping[str, str]:
    """Name and content of every file of `crds/`."""
    return {
        "consensusclusters.yaml": text([custom_resource_definition()]),
        "warnings.yaml": text(warning_policy()),
    }


def text(objects: Sequence[Mapping[str, Any]]) -> str:
    """Objects as one YAML file, in the order of their fields."""
    # Through JSON, so that nothing is the same object twice: equal parts are written out, nobody reads anchors in a CRD.
    plain = json.loads(json.dumps(list(objects)))
    return HEADER + str(yaml.safe_dump_all(plain, sort_keys=False, width=COLUMNS_MAX, allow_unicode=True))


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0] if arguments else "crds")
    folder.mkdir(exist_ok=True)
    for name, content in files().items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
