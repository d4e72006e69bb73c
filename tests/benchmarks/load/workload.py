"""The same keys and values for every system, encoded once for each way in."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass

import msgspec

from quorate.wire.commands import CommandKind, Put, Range
from tests.benchmarks.load.http import request

KEYS = 10_000
VALUE_BYTES = 256
SEED = 20_150_601


@dataclass(frozen=True)
class Workload:
    """`pairs` in the order in which they are written and read."""

    pairs: list[tuple[bytes, bytes]]

    @classmethod
    def make(cls, keys: int = KEYS, value_bytes: int = VALUE_BYTES) -> Workload:
        generator = random.Random(SEED)
        numbers = list(range(keys))
        generator.shuffle(numbers)
        return cls([(b"bench/%07d" % number, generator.randbytes(value_bytes)) for number in numbers])

    def http_puts(self, authority: str) -> list[bytes]:
        return [
            request(
                "POST",
                "/v1/put",
                authority,
                msgspec.json.encode({"key": base64.b64encode(key).decode(), "value": base64.b64encode(value).decode()}),
            )
            for key, value in self.pairs
        ]

    def http_gets(self, authority: str) -> list[bytes]:
        return [request("GET", "/v1/keys/" + key.decode().replace("/", "%2F"), authority) for key, _ in self.pairs]

    def stream_puts(self) -> list[bytes]:
        return [_tail(CommandKind.PUT, Put(key, value)) for key, value in self.pairs]

    def stream_gets(self) -> list[bytes]:
        return [_tail(CommandKind.RANGE, Range(key)) for key, _ in self.pairs]

    def etcd_puts(self) -> list[bytes]:
        """etcdserverpb.PutRequest: key = 1, value = 2."""
        return [_field(1, key) + _field(2, value) for key, value in self.pairs]

    def etcd_gets(self) -> list[bytes]:
        """etcdserverpb.RangeRequest: key = 1; linearizable unless it says serializable."""
        return [_field(1, key) for key, _ in self.pairs]


def _tail(kind: int, payload: Put | Range) -> bytes:
    """kind, consistency 0 (linearizable), session 0, seq 0, acked_below 0, payload: what follows a request's id."""
    return b"".join(msgspec.msgpack.encode(item) for item in (int(kind), 0, 0, 0, 0)) + msgspec.msgpack.encode(payload)


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
