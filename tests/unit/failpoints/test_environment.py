"""A process' variables: what they put in place, and what they are refused for."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate_node.failpoints import FailpointMisuse, use
from quorate_node.failpoints.endpoint import Endpoint
from quorate_node.failpoints.environment import start
from quorate_node.failpoints.registry import reached
from quorate_node.failpoints.sites import SITES

NODE = Path(sys.executable).parent / "quorate-node"
PLACE = "read.before_round"


@pytest.fixture(autouse=True)
def _afterwards_as_before() -> Iterator[None]:
    previous = use(None)
    yield
    use(previous)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    started = start({"QUORATE_FAILPOINTS": f"{PLACE}=1*off", "QUORATE_FAILPOINTS_LISTEN": "127.0.0.1:0"})
    assert started is not None
    yield started
    started.stop()


def ask(endpoint: Endpoint, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{endpoint.address[1]}{path}"
    request = urllib.request.Request(url, method=method, data=None if body is None else body.encode())
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_endpoint_sets_shows_and_removes(endpoint: Endpoint) -> None:
    assert ask(endpoint, "GET", f"/failpoints/{PLACE}") == (200, {"terms": "1*off", "hits": 0, "fired": 0, "held": 0})
    assert ask(endpoint, "PUT", f"/failpoints/{PLACE}", "2*error")[0] == 200
    with pytest.raises(Exception, match=PLACE):
        reached(PLACE)
    assert ask(endpoint, "DELETE", f"/failpoints/{PLACE}") == (200, {"terms": "off", "hits": 1, "fired": 1, "held": 0})
    assert reached(PLACE) is False
    status, everything = ask(endpoint, "GET", "/failpoints")
    assert status == 200 and everything.keys() == SITES.keys() and everything[PLACE]["hits"] == 2


@pytest.mark.parametrize(
    "method, path, body, status, said",
    [
        ("GET", "/failpoints/nowhere", None, 404, "there is no failpoint 'nowhere'"),
        ("GET", "/", None, 404, "there is no failpoint '/'"),
        ("PUT", f"/failpoints/{PLACE}", "explode", 400, "there is no action 'explode'"),
        ("PUT", f"/failpoints/{PLACE}", "skip", 400, "nothing can be skipped there"),
        ("PUT", f"/failpoints/{PLACE}", "x" * 5000, 400, "at most 4096 bytes"),
        ("PUT", "/failpoints", "off", 400, "PUT /failpoints/NAME"),
        ("DELETE", "/failpoints", None, 400, "DELETE /failpoints/NAME"),
    ],
)
def test_the_endpoint_refuses_with_what_would_be_right(
    endpoint: Endpoint, method: str, path: str, body: str | None, status: int, said: str
) -> None:
    answered, content = ask(endpoint, method, path, body)
    assert answered == status and said in content["message"]


@pytest.mark.parametrize(
    "environment, said",
    [
        ({"QUORATE_FAILPOINTS": "read.before_round"}, "QUORATE_FAILPOINTS: 'read.before_round': write NAME=ACTION"),
        ({"QUORATE_FAILPOINTS": "nowhere=off"}, "QUORATE_FAILPOINTS: there is no failpoint 'nowhere'"),
        ({"QUORATE_FAILPOINTS_SEED": "x"}, "QUORATE_FAILPOINTS_SEED is 'x'"),
        ({"QUORATE_FAILPOINTS_LISTEN": "0.0.0.0:80"}, "must be a loopback address"),
        ({"QUORATE_FAILPOINTS_LISTEN": "127.0.0.1"}, "must be a loopback address and a port"),
        ({"QUORATE_FAILPOINTS_LISTEN": "127.0.0.1:99999"}, "must be a loopback address and a port"),
    ],
)
def test_variables_that_cannot_be_read_are_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(FailpointMisuse) as refused:
        start(environment)
    assert said in str(refused.value)


def test_without_an_address_there_is_no_endpoint() -> None:
    assert start({"QUORATE_FAILPOINTS": f"{PLACE}=print"}) is None


def test_the_program_refuses_wrong_failpoints_before_it_opens_anything(tmp_path: Path) -> None:
    command = [str(NODE), "--name", "a", "--data-dir", str(tmp_path / "data")]
    ended = subprocess.run(command, env={"QUORATE_FAILPOINTS": "reed.before_round=panic"}, capture_output=True, text=True)
    assert ended.returncode == 2 and "did you mean 'read.before_round'?" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_the_program_dies_where_it_is_told_with_the_status_it_is_told(tmp_path: Path) -> None:
    command = [str(NODE), "--name", "a", "--data-dir", str(tmp_path / "data")]
    environment = {"QUORATE_FAILPOINTS": "directory.create.before_format=panic(77)"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 77 and "failpoint directory.create.before_format: this process ends here" in ended.stderr
    assert (tmp_path / "data" / "boot").exists() and not (tmp_path / "data" / "format").exists()
