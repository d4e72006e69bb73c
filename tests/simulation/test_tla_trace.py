"""Trace events of a run: in etcd's format, complete, and in an order that its specification can follow.

The specification itself judges them with `make tla`; here is what can be said without it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from quorate_node.simulator.__main__ import main
from quorate_node.simulator.tla.run import inside, write_trace
from quorate_node.simulator.tla.trace_file import EVENTS
from tests.simulation.tla.falsify import falsified
from tests.simulation.tla.judge import json_module, literal
from tests.simulation.tla.worlds import crashes_and_elections

pytestmark = pytest.mark.usefixtures("silent_logs")

Event = dict[str, Any]
MESSAGE = {
    "type": str, "term": int, "from": str, "to": str, "entries": int, "logTerm": int, "index": int, "commit": int, "vote": str,
    "reject": bool, "rejectHint": int,
}
TYPES = {
    "AppendEntriesRequest": {"MsgApp", "MsgHeartbeat", "MsgSnap"},
    "AppendEntriesResponse": {"MsgAppResp", "MsgHeartbeatResp"},
    "RequestVoteRequest": {"MsgVote"},
    "RequestVoteResponse": {"MsgVoteResp"},
}
SEEDS_MAX = 40


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """Of the first seed in which somebody comes back, and two lead, one after the other."""
    path = tmp_path_factory.mktemp("tla") / "trace.ndjson"
    for seed in range(SEEDS_MAX):
        traced = write_trace(crashes_and_elections(seed), path)
        assert traced.result.ok, traced.result.failure()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert all(set(line) == {"tag", "event"} and line["tag"] == "trace" for line in lines)
        assert len(lines) == traced.events
        told = [line["event"] for line in lines]
        count = Counter(event["name"] for event in told)
        if count["InitState"] > 3 and count["BecomeLeader"] >= 2:
            return told
    raise AssertionError(f"no seed below {SEEDS_MAX} has a restart and two leaders")


def test_every_event_has_the_documented_fields(events: list[Event]) -> None:
    for event in events:
        assert event["name"] in EVENTS
        assert set(event) - {"msg", "prop"} == {"name", "nid", "state", "role", "log", "conf"}
        assert {name: type(value) for name, value in event["state"].items()} == {"term": int, "vote": str, "commit": int}
        assert event["role"] in {"StateFollower", "StateCandidate", "StateLeader"}
        assert event["nid"].isdecimal() and event["state"]["vote"].isdecimal() and isinstance(event["log"], int)
        assert len(event["conf"]) == 2 and event["conf"][1] == []
        assert all(voter.isdecimal() for voter in event["conf"][0])
        action, _, kind = event["name"].partition("Append" if "Append" in event["name"] else "Request")
        if action in ("Send", "Receive"):
            assert {name: type(value) for name, value in event["msg"].items()} == MESSAGE
            assert event["msg"]["type"] in TYPES[event["name"].removeprefix(action)], kind
            assert event["nid"] == event["msg"]["from" if action == "Send" else "to"]
        else:
            assert "msg" not in event


def test_all_kinds_come_but_those_that_etcd_does_not_write_either(events: list[Event]) -> None:
    assert {event["name"] for event in events} == set(EVENTS) - {"SendSnapshot", "ReceiveSnapshot"}


def test_there_are_crashes_and_elections_in_it(events: list[Event]) -> None:
    count = Counter(event["name"] for event in events)
    members = {event["nid"] for event in events}
    assert len(members) == 3
    assert count["InitState"] > len(members), "somebody came back"
    assert count["BecomeCandidate"] >= count["BecomeLeader"] >= 2


def test_nothing_arrives_that_was_not_sent_and_handed_out_before(events: list[Event]) -> None:
    """As in the specification: a message can be received once its sender's next Ready has come, and once only."""
    pending: dict[str, Counter[str]] = {}
    on_the_way: Counter[str] = Counter()
    for event in events:
        name, nid = event["name"], event["nid"]
        if name.startswith("Send"):
            pending.setdefault(nid, Counter())[json.dumps(event["msg"])] += 1
        elif name == "Ready":
            on_the_way += pending.pop(nid, Counter())
        elif name == "InitState":
            pending.pop(nid, None)
        elif name.startswith("Receive"):
            key = json.dumps(event["msg"])
            assert on_the_way[key] > 0, event
            on_the_way[key] -= 1


def test_a_member_comes_back_as_it_was_when_it_last_was_ready(events: list[Event]) -> None:
    last: dict[str, Event] = {}
    came_back = 0
    for event in events:
        if event["name"] == "InitState" and event["nid"] in last:
            came_back += 1
            before = last[event["nid"]]
            assert (event["state"], event["log"], event["conf"]) == (before["state"], before["log"], before["conf"])
            assert event["role"] == "StateFollower"
        if event["name"] in ("InitState", "Ready"):
            last[event["nid"]] = event
    assert came_back


def test_terms_never_fall_and_commit_indexes_only_over_a_restart(events: list[Event]) -> None:
    seen: dict[str, tuple[int, int]] = {}
    for event in events:
        term, commit = seen.get(event["nid"], (0, 0))
        seen[event["nid"]] = event["state"]["term"], event["state"]["commit"]
        assert event["state"]["term"] >= term
        assert event["state"]["commit"] >= commit or event["name"] == "InitState"


def test_there_is_something_to_falsify_in_every_way(events: list[Event]) -> None:
    ways = list(falsified(events))
    assert len(ways) == 6
    assert all(changed != events for _, changed in ways)


def test_a_crash_that_cuts_off_writes_ends_the_trace_and_says_so(tmp_path: Path) -> None:
    traces = (write_trace(crashes_and_elections(seed), tmp_path / "trace.ndjson") for seed in range(SEEDS_MAX))
    traced = next(traced for traced in traces if traced.stopped)
    assert "came back without what it was writing" in traced.stopped
    assert len((tmp_path / "trace.ndjson").read_text().splitlines()) == traced.events


def test_what_the_specification_does_not_have_is_left_out() -> None:
    world = inside(crashes_and_elections(3)).world
    assert not world.pre_vote and not world.network.duplication and not world.witness and not world.faults.wipe


def test_the_command_leaves_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trace.ndjson"
    assert main(["--seed", "5", "--commands", "20", "--set", "members=1", "--tla-trace", str(path)]) == 0
    assert f"{len(path.read_text().splitlines())} events in {path}" in capsys.readouterr().out


def test_a_trace_as_a_module(tmp_path: Path) -> None:
    path = tmp_path / "trace.ndjson"
    path.write_text('{"tag":"trace","level":"debug","event":{"name":"Ready","log":3,"conf":[["1"],[]],"prop":{}}}\n{"other":1}\n')
    assert '[tag |-> "trace", event |-> [name |-> "Ready", log |-> 3, conf |-> <<<<"1">>, <<>>>>, prop |-> <<>>]]' in json_module(path)
    assert literal(True) == "TRUE" and literal(False) == "FALSE"
