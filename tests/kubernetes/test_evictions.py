"""What a node drain does, pod by pod: one member at a time, the leadership first, and clients lose nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.kubernetes.built import Built, build
from tests.kubernetes.kubectl import Kubectl, KubectlFailure, eventually
from tests.kubernetes.target import Target
from tests.kubernetes.workload import lone_pod

PAUSE_S_MAX = 1.0
WRITER = """
import asyncio, json, signal, sys, time
from quorate import Cluster, QuorateError

async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    acknowledged, failed, longest_s, last_s = 0, [], 0.0, time.monotonic()
    async with Cluster(sys.argv[1].split(",")) as cluster:
        while not stopped.is_set():
            try:
                await cluster.put("written", str(acknowledged))
                acknowledged += 1
            except QuorateError as error:
                failed.append(str(error))
            now_s = time.monotonic()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s
            await asyncio.sleep(0.005)
        kv = await cluster.get("written", consistency="linearizable")
    print(json.dumps({"acknowledged": acknowledged, "failed": failed, "longest_s": longest_s, "last": kv.value.decode()}), flush=True)

asyncio.run(main())
"""


class Writer:
    """`result` after the block: what was acknowledged, what failed, and the longest time without an acknowledgement."""

    def __init__(self) -> None:
        self.result: dict[str, Any] = {}


@contextmanager
def writing(built: Built, target: Target) -> Iterator[Writer]:
    urls = ",".join(f"http://{pod}.orders-members.{built.namespace}.svc:7301" for pod in built.pods)
    built.kubectl.apply([lone_pod("writer", target.image, ["python3", "-c", WRITER, urls])], built.namespace)
    built.kubectl("wait", "-n", built.namespace, "--for=condition=Ready", "pod/writer", "--timeout=60s", timeout_s=90)
    writer = Writer()
    yield writer
    # Process 1 of a container is sent what anybody else sends it, where it has a handler.
    built.kubectl.execute(built.namespace, "writer", "python3", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")

    def missing() -> str:
        lines = built.kubectl.logs(built.namespace, "writer").strip().splitlines()
        if not lines:
            return "it has not told yet"
        writer.result = json.loads(lines[-1])
        return ""

    eventually("the writer tells", missing, 30)


def evict(built: Built, pod: str) -> None:
    """By the Eviction API, as `kubectl drain` does. Raises `KubectlFailure` (429) where the budget forbids it."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": built.namespace}}
    built.kubectl("create", "--raw", f"/api/v1/namespaces/{built.namespace}/pods/{pod}/eviction", "-f", "-", text=json.dumps(body))


def is_new(built: Built, pod: str, uid: str) -> str:
    return "" if built.kubectl.get("pod", pod, built.namespace)["metadata"]["uid"] != uid else "the old pod is there"


def test_every_member_is_drained_in_turn_under_writes_and_none_fails(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace)
    built.bootstrap()
    with writing(built, target) as writer:
        for _ in range(len(built.pods)):
            # The leader each time: whoever took over is next, so that three hand-overs are seen.
            leader = built.leader()
            uid = kubectl.get("pod", leader, namespace)["metadata"]["uid"]
            evict(built, leader)
            eventually("it is another pod", lambda pod=leader, old=uid: is_new(built, pod, old), 60)
            eventually("all are ready voters again", built.settled, 90)
    print(writer.result)
    assert writer.result["failed"] == []
    assert writer.result["longest_s"] <= PAUSE_S_MAX
    assert int(writer.result["last"]) == writer.result["acknowledged"] - 1, "the last acknowledged write is there"


def test_a_second_member_is_not_drained_before_the_first_has_caught_up(kubectl: Kubectl, target: Target, namespace: str) -> None:
    built = build(kubectl, target, namespace)
    built.bootstrap()
    first, second = built.pods[:2]
    eventually("the budget knows its pods", lambda: allowed(built), 30)
    uid = kubectl.get("pod", first, namespace)["metadata"]["uid"]
    evict(built, first)
    with pytest.raises(KubectlFailure, match="disruption budget"):
        evict(built, second)
    eventually("it is another pod", lambda: is_new(built, first, uid), 60)
    eventually("the next one may go", lambda: allowed(built), 60)
    assert not built.settled(), "and not before every member is a ready voter"


def allowed(built: Built) -> str:
    status = built.kubectl.get("poddisruptionbudget", "orders", built.namespace)["status"]
    return "" if status.get("disruptionsAllowed", 0) == 1 else f"{status}"
