"""Writes them all anew: `python -m quorate_operator.documents [--helm PROGRAM] [REPOSITORY]` (`make operator-docs`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from quorate_operator.documents.chart import generated_parts
from quorate_operator.documents.install import CannotRender, install_manifest
from quorate_operator.documents.resource import resource_page


def main(arguments: Sequence[str]) -> int:
    """0; 2: Helm is not there or failed, and everything but the install manifest was written."""
    parser = argparse.ArgumentParser(prog="python -m quorate_operator.documents", description=__doc__)
    parser.add_argument("repository", nargs="?", type=Path, default=Path())
    parser.add_argument("--helm", default="helm", help="the program that renders manifests/install.yaml")
    chosen = parser.parse_args(arguments)
    chart = chosen.repository / "helm" / "quorate"
    for name, text in generated_parts(chart).items():
        (chart / name).write_text(text, encoding="utf-8")
    (chosen.repository / "docs" / "resource.md").write_text(resource_page(), encoding="utf-8")
    try:
        manifest = install_manifest(chart, chosen.helm)
    except CannotRender as failure:
        print(f"manifests/install.yaml is not written: {failure}", file=sys.stderr)
        return 2
    (chosen.repository / "manifests" / "install.yaml").write_text(manifest, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
