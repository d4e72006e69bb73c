"""A minute without the API server: members go on by themselves, elect by themselves, and the operator is there again afterwards."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.installation import Installation
from tests.kubernetes.kubectl import eventually
from tests.kubernetes.target import kill_processes
from tests.kubernetes.workload import CLIENT_PORT

AWAY_S = 60.0
KILLED_AT_S = 20.0
ELECTED_S_MAX = 10.0
"""Far above what an idle machine needs; that figure is another test's."""
CONNECT_TIMEOUT_S = 1.0


@dataclass
class Writer:
    """Writes one key after the other, to whichever member takes it, from a thread. `gap_s`: the longest time without a write."""

    addresses: Sequence[str]
    written: list[str] = field(default_factory=list)
    gap_s: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        last, turn = time.monotonic(), 0
        while not self._stop.is_set():
            key = f"key-{len(self.written)}"
            if self._put(self.addresses[turn % len(self.addresses)], key):
                self.written.append(key)
                now = time.monotonic()
                self.gap_s, last = max(self.gap_s, now - last), now
                self._stop.wait(0.05)
            else:
                turn += 1

    def _put(self, address: str, key: str) -> bool:
        body = json.dumps({"key": _encoded(key), "value": _encoded(key)}).encode()
        request = urllib.request.Request(f"http://{address}:{CLIENT_PORT}/v1/put", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=CONNECT_TIMEOUT_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        self._stop.set()


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_minute_without_the_api_server(bed: Bed, cluster: ConsensusCluster, installation: Installation) -> None:
    cluster.apply({})
    cluster.wait_until_settled()
    cluster.start_client()
    pods, operators = cluster.pods(), {pod["metadata"]["uid"] for pod in installation.pods()}
    leader = cluster.leader()
    container = cluster.target.container_id(cluster.namespace, leader, "quorate")
    writer = Writer([pod["status"]["podIP"] for pod in pods])
    thread = threading.Thread(target=writer.run)
    try:
        with bed.api_server_away():
            thread.start()
            time.sleep(KILLED_AT_S)
            assert kill_processes(container) > 0
            time.sleep(AWAY_S - KILLED_AT_S)
    finally:
        writer.stop()
        thread.join()
    assert writer.gap_s < ELECTED_S_MAX
    eventually("an operator works again", lambda: "" if installation.holder() else "nobody does", 60)
    cluster.wait_until_settled()
    # The kubelet started it at once, and tells of it when it finds the time.
    eventually("that the killed member was started again is told", lambda: "" if _restarts(cluster)[leader] == 1 else "not yet", 60)
    restarts = _restarts(cluster)
    assert cluster.uids() == {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods}, "no pod was replaced"
    assert restarts == {name: int(name == leader) for name in restarts}, "none but the killed one was started again"
    assert {pod["metadata"]["uid"] for pod in installation.pods()} == operators
    kept = cluster.quorate("get", "key-", "--prefix", "--keys-only").split()
    assert set(writer.written) <= set(kept)
    print(f"{len(writer.written)} writes; the longest time without one, over the leader's death: {writer.gap_s:.2f} s")


def _restarts(cluster: ConsensusCluster) -> dict[str, int]:
    return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in cluster.pods()}
