"""Makes requests that are nearly right: valid ones of every route, then bent in one of many ways. Deterministic by seed."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

from quorate_node.api.http.routes import ROUTES, Route

VALID: dict[str, list[Any]] = {
    "put": [{"key": "YQ==", "value": "MQ=="}, {"key": "a", "value": "x", "encoding": "text", "previous": True},
            {"key": "YQ==", "value": "", "lease": "7"}, {"key": "YQ==", "ignore_value": True, "session": {"id": "65537", "seq": "1"}}],
    "range": [{"key": "YQ=="}, {"key": "", "prefix": True, "limit": 5, "sort_order": "descend", "sort_target": "value"},
              {"key": "YQ==", "range_end": "AA==", "revision": "2", "keys_only": True}, {"key": "YQ==", "consistency": "lease"}],
    "delete": [{"key": "YQ=="}, {"key": "zz", "prefix": True, "encoding": "text", "previous": True}],
    "txn": [{"compare": [{"key": "YQ==", "target": "value", "value": "MQ=="}, {"key": "YQ==", "number": 0}],
             "success": [{"put": {"key": "YQ==", "value": "Mg=="}}, {"txn": {"success": [{"range": {"key": "YQ=="}}]}}],
             "failure": [{"delete": {"key": "YQ=="}}, {"range": {"key": "YQ==", "count_only": True}}]}, {}],
    "compact": [{"revision": "1"}],
    "lease_grant": [{"ttl_ms": "60000"}, {"ttl_ms": 1000, "lease": 7}],
    "lease_keepalive": [{"leases": ["7", 8]}],
    "session_create": [{"ttl_ms": "60000"}],
    "propose": [{"payload": "YQ=="}],
    "member_add": [{"peer_url": "http://h:1", "name": "n", "witness": False, "priority": 1}],
    "member_promote": [{"expected_configuration_index": "9"}, {}],
    "member_replace": [{"peer_url": "http://h:1"}],
    "leader_transfer": [{"to": "2"}, {}],
    "leader_step_down": [{}],
    "bootstrap": [{"token": "t"}, {"token": "known"}],
}
QUERIES = {
    "key": ["", "?encoding=text", "?consistency=stale&max_staleness_ms=5", "?encoding=base64"],
    "watch": ["?key=YQ==", "?key=a&prefix=true&encoding=text&start_revision=1", "?key=YQ&progress=true"],
    "lease_get": ["", "?keys=true&encoding=text"],
    "apply": ["", "?from=1", "?from=99"],
    "restore": ["?token=t"],
    "member_remove": ["", "?expected_configuration_index=9"],
    "stream": ["", "?consistency=lease"],
}
ODD: list[Any] = [None, True, False, 0, -1, 1.5, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, "", "0", "-1", "9" * 30, "1e3",
                  " 1", "YQ", "****", "\x00", "\ud7ff", "a" * 5000, [], {}, [[]], [None], {"a": {"b": {}}},
                  "linearizable", "text", "base64", [1, 2, 3], "é"]
HEADERS = [b"X-Request-Id: abc", b"X-Request-Id: \xff", b"Content-Encoding: gzip", b"X-Quorate-Timeout-Ms: 5x", b"X-Quorate-Timeout-Ms: 50",
           b"X-Quorate-Forward: never", b"Origin: http://evil", b"Expect: 100-continue", b"Connection: close", b"Upgrade: websocket",
           b"Transfer-Encoding: chunked", b"Content-Length: 1", b"Content-Length: x", b"Accept: */*", b"Last-Event-Id: 3", b"Host: b",
           b"Authorization: x", b"Cookie: a=b; c", b"Range: bytes=0-1", b"Content-Type: text/plain", b"TE: trailers", b"X: a\r\n b", b"bad"]


def make(random_: random.Random) -> tuple[bytes, bool]:
    """(the bytes of one request, whether its framing was left alone)."""
    route = random_.choice(ROUTES)
    method = route.method if random_.random() < 0.95 else random_.choice(["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH"])
    target = _target(route, random_)
    body = _body(route, random_)
    lines = [f"{method} {target} HTTP/1.1".encode("utf-8", "surrogatepass"), b"Host: 127.0.0.1"]
    whole = True
    if random_.random() < 0.2:
        lines.append(random_.choice(HEADERS))
        whole = False
    if body or method == "POST":
        media = b"application/octet-stream" if route.name == "restore" else b"application/json"
        lines += [b"Content-Type: " + media, b"Content-Length: %d" % len(body)]
    data = b"\r\n".join(lines) + b"\r\n\r\n" + body
    if random_.random() < 0.1:
        whole = False
        for _ in range(random_.randint(1, 4)):
            data = _bend_bytes(data, random_)
    return data, whole


def _target(route: Route, random_: random.Random) -> str:
    key = random_.choice(["a", "%00", "YQ==", "%ff", "a%2Fb", "..", "a" * 300, "%zz", "é", "a+b", "", "/"])
    number = random_.choice(["7", "0", "-1", "x", "2", "9" * 25, "65537", "%37"])
    path = route.path.replace("{key:.*}", key).replace("{id}", number)
    query = random_.choice(QUERIES.get(route.name, [""]))
    if random_.random() < 0.15:
        odd = ["x=1", "key=b", "%", "=", "&&", "encoding=hex", "a" * 200, "key=%c3%28", "prefix=2"]
        query += ("&" if query else "?") + random_.choice(odd)
    return "".join(character if character.isascii() else "%C3%A9" for character in path + query)


def _body(route: Route, random_: random.Random) -> bytes:
    if route.name == "restore":
        return random_.randbytes(random_.randint(0, 200))
    if route.name not in VALID:
        return b"" if random_.random() < 0.95 else b"{}"
    value = json.loads(json.dumps(random_.choice(VALID[route.name])))
    for _ in range(random_.choice([0, 0, 1, 1, 2, 5])):
        value = _bend(value, random_)
    text = json.dumps(value, ensure_ascii=random_.random() < 0.5).encode("utf-8", "surrogatepass")
    if random_.random() < 0.1:
        text = _bend_bytes(text, random_)
    if random_.random() < 0.02:
        text = b'{"success":[{"txn":' * random_.choice([5, 50, 2000]) + text
    return text


def _bend(value: Any, random_: random.Random) -> Any:
    """One change somewhere in a JSON value."""
    if isinstance(value, dict) and value and random_.random() < 0.8:
        name = random_.choice(list(value))
        choice = random_.random()
        if choice < 0.2:
            del value[name]
        elif choice < 0.3:
            value[random_.choice(["x", "keys", "Key", "limit", "lease", "encoding", "session", "prefix"])] = deepcopy(random_.choice(ODD))
        else:
            value[name] = _bend(value[name], random_)
        return value
    if isinstance(value, list) and value and random_.random() < 0.8:
        place = random_.randrange(len(value))
        if random_.random() < 0.2:
            return value * random_.choice([0, 2, 70])
        value[place] = _bend(value[place], random_)
        return value
    return deepcopy(random_.choice(ODD))


def _bend_bytes(data: bytes, random_: random.Random) -> bytes:
    place = random_.randrange(len(data) + 1)
    choice = random_.random()
    if choice < 0.4:
        return data[:place] + random_.randbytes(1) + data[place + 1 :]
    if choice < 0.6:
        return data[:place] + data[place + random_.randint(1, 5) :]
    inserted = random_.choice([b"\r", b"\n", b"\r\n", b"\x00", b" ", b":", b'"', b"{", b"[", b"\\u", b"\xff", b"9" * 40])
    return data[:place] + inserted + data[place:]
