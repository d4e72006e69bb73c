"""Each verb as it is called: what it prints, what it changes, how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate_operator.api.model import KIND
from quorate_operator.clients.errors import ApiFailure, ApiUnreachable
from quorate_operator.plugin import clusters as module
from quorate_operator.plugin.clusters import Clusters
from quorate_operator.plugin.failures import Exit, one_line
from quorate_operator.plugin.main import VERBS, cli
from quorate_operator.plugin.settings import Settings, Warnings
from tests.unit.cluster_operator.plugin.server import Server, cluster, member


@dataclass
class Plugin:
    server: Server
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words), prog_name="kubectl quorate")
        out, err = self.capture.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    @property
    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.items[KIND, "orders"]["spec"]
        return found

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.items[KIND, "orders"]["status"]
        return found


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Plugin:
    server = Server(cluster())

    def run(_: Settings, work: Callable[[Clusters], Awaitable[Any]]) -> Any:
        async def connected() -> Any:
            return await work(server.clusters())

        return asyncio.run(connected())

    monkeypatch.setattr(Settings, "run", run)
    monkeypatch.setattr(module, "POLL_S", 0.001)
    return Plugin(server, capsys)


def test_every_verb_explains_itself_with_an_example(plugin: Plugin) -> None:
    for verb in VERBS:
        code, out, _ = plugin(verb, "--help")
        assert code == 0 and f"kubectl quorate {verb}" in out.split("Usage:", 1)[1].split("\n", 1)[1], verb


def test_status_of_one_says_all_on_a_pipe_in_lines(plugin: Plugin) -> None:
    code, out, _ = plugin("status", "orders")
    assert code == 0
    assert out.splitlines()[0] == "shop/orders: Available, 3 of 3 ready, orders-0 leads in term 3, release 0.1.0"
    assert sum(line.startswith("member\t") for line in out.splitlines()) == 3


def test_status_as_a_table_has_the_plan(plugin: Plugin) -> None:
    plugin.status["plan"] = [{"step": "restart", "action": "Wait", "why": "MemberAway", "waitsFor": "orders-1 is away"}]
    _, out, _ = plugin("status", "orders", "-o", "table")
    assert "orders-1 is away" in out and "Degraded" in out and "node-1" in out


def test_status_tells_that_the_operator_has_not_seen_the_newest_change(plugin: Plugin) -> None:
    plugin.status["observedGeneration"] = 3
    _, out, _ = plugin("status", "orders")
    assert "generation 3 of 4" in out


def test_status_tells_of_members_in_pods_of_others_and_of_pods_that_have_none(plugin: Plugin) -> None:
    plugin.status["injection"] = {"pods": 3, "members": 2, "missing": [{"pod": "web-3", "uid": "u", "reason": "no webhook has seen it"}]}
    _, out, _ = plugin("status", "orders")
    assert "2 non-voting" in out.splitlines()[0] and "Pod web-3 asks for a member beside it and has none: no webhook has seen it." in out


def test_status_of_all_as_json_is_what_programs_need(plugin: Plugin) -> None:
    code, out, _ = plugin("status", "-o", "json")
    (found,) = json.loads(out)
    assert code == 0 and found["status"]["leader"] == "orders-0" and found["up_to_date"] is True


def test_watch_of_all_is_a_usage_error(plugin: Plugin) -> None:
    assert plugin("status", "--watch")[0] == Exit.USAGE


def test_plan_and_members_as_json(plugin: Plugin) -> None:
    plugin.status["plan"] = [{"step": "restart", "action": "Wait", "why": "MemberAway", "waitsFor": "orders-1 is away"}]
    assert json.loads(plugin("plan", "orders", "-o", "json")[1])[0]["waitsFor"] == "orders-1 is away"
    assert [each["role"] for each in json.loads(plugin("members", "orders", "-o", "json")[1])] == ["leader", "follower", "follower"]


def obeying(plugin: Plugin) -> None:
    """The operator: who is preferred leads, and what was changed is seen."""

    def obey() -> None:
        heir = plugin.spec.get("placement", {}).get("preferredLeader", "")
        plugin.status["leader"] = heir or plugin.status["leader"]

    original = plugin.server.get

    async def get(kind: str, namespace: str, name: str) -> Any:
        obey()
        plugin.status["observedGeneration"] = plugin.server.items[KIND, "orders"]["metadata"]["generation"]
        return await original(kind, namespace, name)

    plugin.server.get = get  # type: ignore[method-assign]


def test_transfer_prefers_the_pod_until_it_leads_and_no_longer(plugin: Plugin) -> None:
    obeying(plugin)
    code, out, _ = plugin("transfer-leader", "orders", "orders-2")
    assert code == 0 and "orders-2 leads" in out
    assert plugin.server.patches == [{"placement": {"preferredLeader": "orders-2"}}, {"placement": {"preferredLeader": ""}}]


def test_transfer_without_a_pod_takes_one_that_has_caught_up(plugin: Plugin) -> None:
    obeying(plugin)
    plugin.status["members"][1] = member("orders-1", lag="Large")
    assert "orders-2 leads" in plugin("transfer-leader", "orders")[1]


def test_transfer_that_is_not_carried_out_takes_its_wish_back(plugin: Plugin) -> None:
    plugin.spec["placement"] = {"preferredLeader": "orders-1"}
    code, _, err = plugin("transfer-leader", "orders", "orders-2", "--timeout", "10ms")
    assert code == Exit.TIMEOUT and "orders-2 does not lead" in err
    assert plugin.spec["placement"]["preferredLeader"] == "orders-1"


def test_transfer_that_is_to_stay_stays_until_it_is_cleared(plugin: Plugin) -> None:
    obeying(plugin)
    plugin("transfer-leader", "orders", "orders-1", "--keep")
    assert plugin.spec["placement"]["preferredLeader"] == "orders-1"
    plugin("transfer-leader", "orders", "--clear")
    assert plugin.spec["placement"]["preferredLeader"] == ""


@pytest.mark.parametrize(
    "spec, changed, pod, code, words",
    [
        ({"paused": True}, {}, "orders-1", Exit.REFUSED, "resume orders"),
        ({"hibernated": True}, {}, "orders-1", Exit.REFUSED, "wake orders"),
        ({}, {}, "orders-7", Exit.NOT_FOUND, "orders-0, orders-1, orders-2"),
        ({}, {"role": "learner"}, "orders-1", Exit.REFUSED, "its role is learner"),
        ({}, {"lag": "Large"}, "orders-1", Exit.REFUSED, "its lag Large"),
    ],
)
def test_transfer_refuses_what_cannot_be_and_changes_nothing(
    plugin: Plugin, spec: dict[str, Any], changed: dict[str, str], pod: str, code: Exit, words: str
) -> None:
    plugin.spec.update(spec)
    plugin.status["members"][1].update(changed)
    found, _, err = plugin("transfer-leader", "orders", pod)
    assert found == code and words in err and plugin.server.patches == []


@pytest.mark.parametrize("verb, field, value", [("hibernate", "hibernated", True), ("wake", "hibernated", False), ("pause", "paused", True),
                                                ("resume", "paused", False)])  # fmt: skip
def test_a_switch_is_set_once(plugin: Plugin, verb: str, field: str, value: bool) -> None:
    plugin.spec[field] = not value
    assert plugin(verb, "orders")[0] == 0 and plugin.spec[field] is value
    code, out, _ = plugin(verb, "orders", "-o", "json")
    assert code == 0 and json.loads(out)["changed"] is False and len(plugin.server.patches) == 1


def test_waiting_for_a_switch_waits_until_the_operator_has_seen_it(plugin: Plugin) -> None:
    code, _, err = plugin("resume", "orders", "--wait", "--timeout", "10ms")
    assert code == 0, "it is not paused, and the operator has seen that"
    code, _, err = plugin("pause", "orders", "--wait", "--timeout", "10ms")
    assert code == Exit.TIMEOUT and "has not looked" in err


def test_restart_sets_the_present_time(plugin: Plugin) -> None:
    assert plugin("restart", "orders")[0] == 0
    assert plugin.spec["restartedAt"].endswith("Z") and len(plugin.spec["restartedAt"]) == 20


@pytest.mark.parametrize("field", ["paused", "hibernated"])
def test_restart_of_what_would_not_restart_is_refused(plugin: Plugin, field: str) -> None:
    plugin.spec[field] = True
    assert plugin("restart", "orders")[0] == Exit.REFUSED and plugin.server.patches == []


def test_certificates_say_how_long_they_last(plugin: Plugin) -> None:
    plugin.spec["tls"] = {"mode": "Operator"}
    for each in plugin.status["members"]:
        each["certificateExpiresAt"] = "2199-01-01T00:00:00Z"
    found = json.loads(plugin("certificates", "orders", "-o", "json")[1])
    assert found["mode"] == "Operator" and found["certificates"][0]["days left"] > 10_000
    assert plugin("certificates", "orders", "--rotate-authority")[0] == 0
    assert plugin.spec["tls"]["rotateAuthorityAt"]


def test_only_the_operators_own_authority_is_replaced(plugin: Plugin) -> None:
    code, _, err = plugin("certificates", "orders", "--rotate-authority")
    assert code == Exit.REFUSED and "Disabled" in err


def test_a_support_bundle_is_written_for_its_owner_alone(plugin: Plugin, tmp_path: Path) -> None:
    target = tmp_path / "bundle.tar.gz"
    code, out, _ = plugin("support-bundle", "orders", "-f", str(target), "-o", "json")
    assert code == 0 and "resource.yaml" in json.loads(out)["files"]
    assert target.stat().st_mode & 0o077 == 0 and target.stat().st_size > 100


def test_completion_for_kubectl_itself_and_for_shells(plugin: Plugin) -> None:
    assert plugin("completion", "kubectl")[1].startswith("#!/bin/sh")
    assert "kubectl-quorate" in plugin("completion", "bash")[1]


@pytest.mark.parametrize(
    "failure, code, words",
    [
        (ApiFailure(401, "Unauthorized", "no"), Exit.ERROR, "log in again"),
        (ApiFailure(403, "Forbidden", "no"), Exit.ERROR, "role `edit`"),
        (ApiFailure(422, "Invalid", "replicas must be 1 to 9"), Exit.ERROR, "replicas must be 1 to 9"),
        (ApiUnreachable("connection refused"), Exit.UNREACHABLE, "--kubeconfig"),
    ],
)
def test_an_error_is_one_line_with_a_remedy(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: Exit, words: str
) -> None:
    def run(_: Settings, __: object) -> None:
        raise failure

    monkeypatch.setattr(Settings, "run", run)
    found, _, err = plugin("status", "orders")
    assert found == code and words in err and err.count("\n") == 1
    as_json = json.loads(plugin("-o", "json", "status", "orders")[2])
    assert as_json["exit_code"] == code and set(as_json) == {"error", "message", "remedy", "exit_code"}


def test_an_error_of_several_lines_is_told_in_one() -> None:
    assert "\n" not in one_line(ApiFailure(500, "Broken", "first\nsecond"), as_json=False)


def test_warnings_of_the_api_server_are_told_once_beside_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json, expected in ((False, "Warning: even\nWarning: ödd\n"), (True, '{"warning": "even"}\n{"warning": "ödd"}\n')):
        tell = Warnings(as_json)
        for text in ("even", "ödd", "even"):
            tell(text)
        assert capsys.readouterr() == ("", expected)


def test_a_program_gets_usage_errors_as_json_too(plugin: Plugin) -> None:
    code, out, err = plugin("-o", "json", "status", "--watch", "--no-such")
    assert (code, out) == (2, "")
    assert json.loads(err) == {
        "error": "Usage",
        "message": "No such option '--no-such'.",
        "remedy": "see `kubectl quorate status --help`",
        "exit_code": 2,
    }


def test_an_interrupt_is_told_in_one_line(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: Settings, __: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Settings, "run", run)
    assert plugin("status", "orders") == (130, "", "kubectl quorate: interrupted\n")
