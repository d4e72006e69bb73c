"""Runs `quorate-node` as if the first argument were the folder with a pod's ServiceAccount; the rest is the command line."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from quorate_node.kubernetes.credentials import Surroundings

if __name__ == "__main__":
    folder, program, *arguments = sys.argv[1:]
    Surroundings.of_pod.__func__.__defaults__ = (Path(folder),)  # type: ignore[attr-defined]
    sys.argv = [program, *arguments]
    runpy.run_path(program, run_name="__main__")
