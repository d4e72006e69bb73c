"""The hot operations: a body (or a target) in, an exchange that will be called back. Both servers of the port use them."""

from __future__ import annotations

from collections.abc import Callable

from quorate.wire.commands import Command
from quorate_node.api.http.codec import decode_delete, decode_put, decode_range
from quorate_node.api.http.encoding import encode_delete, encode_put, encode_range, encode_txn
from quorate_node.api.http.exchange import Exchange
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.queries import parse_key_target
from quorate_node.api.http.reads import ReadBatcher
from quorate_node.api.http.transactions import decode_txn
from quorate_node.machine.interface import Refused
from quorate_node.replica.service import ReplicaService, ServiceError
from quorate_node.store.errors import StoreError


class Operations:
    """Starts operations on a replica."""

    def __init__(self, service: ReplicaService, reads: ReadBatcher) -> None:
        self.service = service
        self.reads = reads
        self.by_name: dict[str, Callable[[Exchange, bytes], None]] = {
            "put": self.put,
            "range": self.range,
            "delete": self.delete,
            "txn": self.txn,
            "key": self.key,
        }

    def start(self, name: str, exchange: Exchange, data: bytes) -> None:
        """`data` is the body, for `key` the request's target. A refusal is answered through the exchange, at once."""
        try:
            self.by_name[name](exchange, data)
        except (Problem, Refused, ServiceError) as refused:
            exchange.failed(refused.error, refused.message)
        except StoreError as error:
            exchange.failed("StoreUnavailable", f"the state cannot be read: {error}")

    def put(self, exchange: Exchange, body: bytes) -> None:
        command, payload, exchange.text = decode_put(body)
        exchange.encode = encode_put
        self.submit(command, payload, exchange)

    def delete(self, exchange: Exchange, body: bytes) -> None:
        command, payload, exchange.text = decode_delete(body)
        exchange.encode = encode_delete
        self.submit(command, payload, exchange)

    def txn(self, exchange: Exchange, body: bytes) -> None:
        command, payload, exchange.text = decode_txn(body)
        exchange.encode = encode_txn
        self.submit(command, payload, exchange)

    def range(self, exchange: Exchange, body: bytes) -> None:
        request, consistency, staleness_ms, exchange.text = decode_range(body)
        exchange.encode = encode_range
        self.reads.range(exchange, request, consistency, staleness_ms, exchange.timeout_s)

    def key(self, exchange: Exchange, target: bytes) -> None:
        key, consistency, staleness_ms, exchange.text = parse_key_target(target)
        exchange.single = True
        self.reads.key(exchange, key, consistency, staleness_ms, exchange.timeout_s)

    def submit(self, command: Command, payload: bytes, exchange: Exchange) -> None:
        self.service.machine.check(command.kind, payload)
        self.service.submit(command, exchange.done, forward=exchange.forward, deadline_s=exchange.deadline_s)
