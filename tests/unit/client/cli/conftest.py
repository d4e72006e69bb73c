"""The command line in this process, against a member that is made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from quorate.cli.main import cli
from tests.unit.client.fake_member import FakeMember

Run = Callable[..., Result]


@pytest.fixture
def run(served: FakeMember) -> Run:
    def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
        environment = {"QUORATE_ENDPOINTS": served.url, "QUORATE_TIMEOUT": "2s"}
        return CliRunner().invoke(cli, list(arguments), input=stdin, env=environment)

    return invoke
