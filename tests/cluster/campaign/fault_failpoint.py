"""Faults at named places of the node's own code (docs/failpoints.md): it dies there, waits there, or loses messages."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json

from tests.cluster.campaign.fault_process import bring_back_whatever_came
from tests.cluster.campaign.faults import Act, Fault, Stroke, Takes

PORT = 7399
TIMEOUT_S = 5.0
ENVIRONMENT = {"QUORATE_FAILPOINTS": "", "QUORATE_FAILPOINTS_LISTEN": f"127.0.0.1:{PORT}"}


async def ask(stroke: Stroke, method: str, path: str, body: str = "") -> dict[str, dict[str, object]]:
    """The endpoint listens on the loopback of the member's own namespace. Raises OSError when the member is gone."""

    def call() -> dict[str, dict[str, object]]:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=TIMEOUT_S)
        connection.sock = stroke.site.namespaces.connected(stroke.victim.number, ("127.0.0.1", PORT), TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            content = answer.read().decode()
        assert answer.status == 200, f"{method} {path} {body!r}: {answer.status} {content}"
        return dict(json.loads(content))

    return await asyncio.to_thread(call)


def at_a_place(terms: str) -> Act:
    """At the place that the schedule's number chooses among all; `terms` may name parameters."""

    async def begin(stroke: Stroke) -> None:
        names = sorted(await ask(stroke, "GET", "/failpoints"))
        await arm(stroke, names[int(stroke.parameters["place"] * len(names))], terms)

    return begin


def at(name: str, terms: str) -> Act:
    async def begin(stroke: Stroke) -> None:
        await arm(stroke, name, terms)

    return begin


async def arm(stroke: Stroke, name: str, terms: str) -> None:
    filled = terms.format(**{key: int(value) for key, value in stroke.parameters.items()})
    stroke.victim.tolerate()
    stroke.memory["place"] = name
    stroke.notes.append(f"{name}={filled}")
    await ask(stroke, "PUT", f"/failpoints/{name}", filled)


async def disarm(stroke: Stroke) -> None:
    if stroke.victim.running:
        # A member that dies at this moment ends the connection: it is brought back all the same.
        with contextlib.suppress(OSError, http.client.HTTPException):
            state = await ask(stroke, "DELETE", f"/failpoints/{stroke.memory['place']}")
            stroke.notes.append(f"reached {state.get('hits', '?')} times")
    await asyncio.sleep(0.05)
    if not stroke.victim.running:
        stroke.notes.append("it died there")
    await bring_back_whatever_came(stroke)


FAILPOINT_FAULTS = (
    Fault("crash-point", "failpoint", "a member dies at a place of its code", 3.0, Takes.ONE, (0.5, 3.0),
          at_a_place("{count}*off->panic"), disarm, {"place": (0.0, 0.9999), "count": (1, 21)}, needs="failpoints"),
    Fault("slow-point", "failpoint", "a member waits at a place of its code", 1.5, Takes.ONE, (1.0, 4.0),
          at_a_place("{percent}%sleep({ms})"), disarm, {"place": (0.0, 0.9999), "percent": (1, 30), "ms": (5, 300)}, needs="failpoints"),
    Fault("lost-received", "failpoint", "a member loses what it receives", 1.0, Takes.ONE, (1.0, 4.0),
          at("messages.receive", "{percent}%skip"), disarm, {"percent": (5, 60)}, needs="failpoints"),
    Fault("lost-sent", "failpoint", "a member loses what it sends", 1.0, Takes.ONE, (1.0, 4.0), at("messages.send", "{percent}%skip"),
          disarm, {"percent": (5, 60)}, needs="failpoints"),
)  # fmt: skip
