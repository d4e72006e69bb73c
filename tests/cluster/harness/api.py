"""A client of our own for the tests: HTTP and JSON, no retries, and an exact word on what is known of each outcome.

Not the client package: a fault of its retries must not hide a fault of the node, nor the other way round.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from quorate.wire.errors import ERRORS
from quorate.wire.results import KeyValue
from quorate_node.simulator.history import Change


class Refused(Exception):
    """The request did not take effect: it was answered with an error that says so, or never left."""

    def __init__(self, error: str, message: str, leader: str = "") -> None:
        super().__init__(f"{error}: {message}")
        self.error = error
        self.leader = leader


class Unknown(Exception):
    """The request may have taken effect, or still may."""


@dataclass(frozen=True)
class Seen:
    """One key: `kv` None when it is not there. `revision` is the store's."""

    kv: KeyValue | None
    revision: int

    @property
    def value(self) -> str | None:
        return None if self.kv is None else self.kv.value.decode()


class Api:
    """One client with connections of its own. Use as an async context manager."""

    def __init__(self, timeout_s: float = 5.0) -> None:
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # aiohttp sends a POST once: a connection that breaks makes the outcome unknown, and is never a silent second try.
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s + 1.0))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def call(self, url: str, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        """The answer's JSON. Raises `Refused`, `Unknown`."""
        assert self._session is not None
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        sent.setdefault("x-quorate-timeout-ms", str(int(self._timeout_s * 1000)))
        try:
            async with self._session.request(method, url + path, json=body, headers=sent) as answer:
                content = await answer.json(content_type=None)
                if answer.status == 200:
                    return dict(content or {})
        except aiohttp.ClientConnectorError as error:
            raise Refused("Unreachable", str(error)) from error
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise Unknown(f"{type(error).__name__}: {error}") from error
        name = str(content.get("error"))
        kind = ERRORS.get(name)
        assert kind is not None, f"an error that is not in the table: {content}"
        assert kind.status == answer.status, f"{name} came with status {answer.status}, the table says {kind.status}"
        if kind.outcome_unknown:
            raise Unknown(f"{name}: {content.get('message')}")
        raise Refused(name, str(content.get("message")), str((content.get("leader") or {}).get("client_url", "")))

    async def put(self, url: str, key: str, value: str, session: dict[str, str] | None = None, lease: int = 0) -> int:
        """The revision that the write made."""
        body: dict[str, Any] = {"key": key, "value": value, "encoding": "text"}
        if session is not None:
            body["session"] = session
        if lease:
            body["lease"] = str(lease)
        return int((await self.call(url, "POST", "/v1/put", body))["revision"])

    async def delete(self, url: str, key: str) -> tuple[int, int]:
        """(the store's revision, how many keys were deleted)."""
        answer = await self.call(url, "POST", "/v1/delete", {"key": key, "encoding": "text"})
        return int(answer["revision"]), int(answer["deleted"])

    async def get(self, url: str, key: str, consistency: str = "linearizable") -> Seen:
        answer = await self.call(url, "POST", "/v1/range", {"key": key, "encoding": "text", "consistency": consistency})
        return _seen(answer, int(answer["revision"]))

    async def scan(self, url: str, prefix: str, consistency: str = "linearizable") -> tuple[int, dict[str, str]]:
        """(the store's revision, all keys with that prefix)."""
        body = {"key": prefix, "prefix": True, "encoding": "text", "consistency": consistency}
        answer = await self.call(url, "POST", "/v1/range", body)
        assert not answer["more"], "more keys than one answer takes: use a smaller prefix"
        return int(answer["revision"]), {pair["key"]: pair["value"] for pair in answer["kvs"]}

    async def swap(self, url: str, key: str, expected: str | None, value: str) -> tuple[int, Seen | None]:
        """(the store's revision, None when the key had `expected` and now has `value`, else what it has)."""
        if expected is None:
            compare = {"key": key, "target": "version", "result": "equal", "number": "0"}
        else:
            compare = {"key": key, "target": "value", "result": "equal", "value": expected}
        body = {
            "compare": [compare],
            "success": [{"put": {"key": key, "value": value}}],
            "failure": [{"range": {"key": key}}],
            "encoding": "text",
        }
        answer = await self.call(url, "POST", "/v1/txn", body)
        revision = int(answer["revision"])
        return revision, None if answer["succeeded"] else _seen(answer["results"][0]["range"], revision)

    async def changes(self, url: str, prefix: str, until_revision: int) -> list[Change]:
        """Every change of the keys with that prefix up to a revision that has one, as the member's own watch tells them from the first."""
        assert self._session is not None
        query = {"key": prefix, "prefix": "true", "start_revision": "1", "encoding": "text"}
        found: list[Change] = []
        async with self._session.get(f"{url}/v1/watch", params=query, timeout=aiohttp.ClientTimeout(total=60.0)) as answer:
            assert answer.status == 200, await answer.text()
            name = ""
            while line := (await answer.content.readuntil(b"\n")).decode():
                field, _, content = line.rstrip("\n").partition(": ")
                if field == "event":
                    name = content
                elif field == "data":
                    assert name not in ("compacted", "error"), f"the history is not whole: {content}"
                    events = json.loads(content).get("events", [])
                    found += [_change(event) for event in events]
                    if found and found[-1].revision >= until_revision:
                        return found
        raise AssertionError(f"the watch of {url} ended after {len(found)} changes")

    async def status(self, url: str) -> dict[str, Any]:
        return await self.call(url, "GET", "/v1/status")


def _change(event: dict[str, Any]) -> Change:
    kv = _key_value(event["kv"])
    if event["type"] != "put":
        return Change(kv.mod_revision, kv.key, None)
    return Change(kv.mod_revision, kv.key, kv.value, kv.lease, kv.create_revision, kv.version)


def _key_value(pair: dict[str, Any]) -> KeyValue:
    numbers = [int(pair[name]) for name in ("create_revision", "mod_revision", "version", "lease")]
    return KeyValue(str(pair["key"]).encode(), str(pair["value"]).encode(), *numbers)


def _seen(answer: dict[str, Any], revision: int) -> Seen:
    return Seen(_key_value(answer["kvs"][0]) if answer["kvs"] else None, revision)
