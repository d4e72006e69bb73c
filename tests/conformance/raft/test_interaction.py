"""Replays etcd's interaction traces against our Raft and compares everything they print, log lines included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.raft import datadriven, directives, vectors
from tests.conformance.raft.environment import Environment


@pytest.mark.parametrize("path", vectors.files("interaction"))
def test_trace_is_reproduced(path: Path) -> None:
    environment = Environment()
    for directive in datadriven.read(path):
        actual = directives.run(environment, directive)
        assert datadriven.same(actual, directive.expected), f"{directive.where}\n--- expected\n{directive.expected}--- actual\n{actual}"
