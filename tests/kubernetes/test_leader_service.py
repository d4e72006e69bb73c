"""The leader's Service leads to the leader, with no operator anywhere: its slice is written by whoever leads."""

from __future__ import annotations

import json
import time

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.built import Built, Object, build, seconds_between
from tests.kubernetes.kubectl import Kubectl, eventually
from tests.kubernetes.target import Target, kill_processes

SLICE = "orders-leader"
TERM = "quorate.io/leader-term"
LED = {"leader": {"enabled": True}}
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


def slice_of(built: Built) -> Object:
    return built.kubectl.get("endpointslice", SLICE, built.namespace)


def named(built: Built) -> str:
    """The pod in the slice; empty: none."""
    endpoints = slice_of(built).get("endpoints") or []
    return str(endpoints[0]["targetRef"]["name"]) if endpoints else ""


def names(built: Built, pod: str) -> str:
    return "" if named(built) == pod else f"the slice names {named(built)!r}, and {pod} leads"


def names_another(built: Built, old: str) -> str:
    found = named(built)
    return "" if found not in ("", old) else f"the slice names {found!r}"


def test_the_service_reaches_whoever_leads_and_follows_a_transfer(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace, services=LED)
    built.bootstrap()
    leader = built.leader()
    eventually("the slice names the leader", lambda: names(built, leader), 20)
    url = f"http://{SLICE}.{namespace}.svc:7301/v1/status"

    def reached() -> str:
        return str(json.loads(kubectl.execute(namespace, "orders-0", "python3", "-c", ASK, url))["name"])

    eventually("the Service leads there", lambda: "" if reached() == leader else "not yet", 20)
    other = next(pod for pod in built.pods if pod != leader)
    built.quorate("orders-0", "transfer", other)
    eventually("the slice names the new leader", lambda: names(built, other), 10)
    eventually("and so does the Service", lambda: "" if reached() == other else "not yet", 20)
    took_s = seconds_between(built.log(other), "is LEADER in term", "names this member")
    print(f"{took_s:.3f} s")
    assert took_s < 1, f"{took_s:.3f} s from the election to the slice"


def test_a_killed_leader_is_followed_in_the_slice_within_a_second(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace, services=LED)
    built.bootstrap()
    old = built.leader()
    eventually("the slice names the leader", lambda: names(built, old), 20)
    term = int(slice_of(built)["metadata"]["annotations"][TERM])
    assert target.kill_container(namespace, old, "quorate") > 0
    eventually("the slice names another", lambda: names_another(built, old), 20)
    found = slice_of(built)
    assert int(found["metadata"]["annotations"][TERM]) > term
    took_s = seconds_between(built.log(named(built)), "is LEADER in term", "names this member")
    print(f"{took_s:.3f} s")
    assert took_s < 1, f"{took_s:.3f} s from the election to the slice"


def test_a_pod_that_is_deleted_hands_over_before_it_is_stopped(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace, services=LED)
    built.bootstrap()
    old = built.leader()
    kubectl("delete", "pod", old, "-n", namespace, "--wait=false")
    eventually("the slice names another", lambda: names_another(built, old), 20)
    heir = next(pod for pod in built.pods if pod != old and built.ask(pod, "/v1/status")["role"] == "leader")
    elections = [line.message for line in built.log(heir) if "is CANDIDATE" in line.message]
    eventually("all are ready voters again", built.settled, 90)
    events = [event["reason"] for event in kubectl.list("events", namespace)]
    assert "FailedPreStopHook" not in events
    assert len(elections) <= 1, "it was told to lead, and did not wait for a time-out"


def test_the_one_slice_is_all_that_the_leader_needs_to_read(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace, allowed=False, services=LED)
    built.bootstrap()
    eventually("the slice names the leader", lambda: names(built, built.leader()), 30)


def test_what_others_do_to_the_slice_is_put_right_but_a_newer_term_is_respected(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace, services=LED)
    built.bootstrap()
    leader = built.leader()
    eventually("the slice names the leader", lambda: names(built, leader), 20)
    kubectl("patch", "endpointslice", SLICE, "-n", namespace, "--type=merge", "-p", json.dumps({"endpoints": []}))
    eventually("it is written again", lambda: names(built, leader), 10)
    empty = {**slice_of(built), "endpoints": [], "ports": []}
    empty["metadata"] = {key: empty["metadata"][key] for key in ("name", "labels")}
    kubectl("delete", "endpointslice", SLICE, "-n", namespace)
    kubectl.apply([empty], namespace)
    eventually("a slice that was made anew is written", lambda: names(built, leader), 10)
    newer = {"metadata": {"annotations": {TERM: "1000"}}, "endpoints": []}
    kubectl("patch", "endpointslice", SLICE, "-n", namespace, "--type=merge", "-p", json.dumps(newer))
    eventually("time passes", lambda: "", 1)
    assert named(built) == "", "whoever has written a newer term leads"


def test_an_api_server_that_was_away_during_an_election_is_told_when_it_is_back(
    kubectl: Kubectl, target: Target, namespace: str, bed: Bed
) -> None:
    built = build(kubectl, target, namespace, services=LED)
    built.bootstrap()
    old = built.leader()
    eventually("the slice names the leader", lambda: names(built, old), 20)
    container = target.container_id(namespace, old, "quorate")
    with bed.api_server_away():
        assert kill_processes(container) > 0
        # An election takes less, and the kubelet starts nothing anew before it.
        time.sleep(2)
    eventually("the slice names who leads now", lambda: names(built, built.leader()), 40)
