"""A loopback listener, in a thread of its own, that sets failpoints while the process runs: also while its loop is held up by one.

    GET    /failpoints              {name: {"terms", "hits", "fired", "held"}} of all
    GET    /failpoints/NAME         of one
    PUT    /failpoints/NAME         body: terms, as `2*sleep(100)->panic`; what was paused there goes on
    DELETE /failpoints/NAME         off, and let go what is paused there
"""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from quorate_node.failpoints.errors import FailpointMisuse
from quorate_node.failpoints.registry import Failpoints
from quorate_node.failpoints.terms import TEXT_MAX

PREFIX = "/failpoints"
REQUEST_TIMEOUT_S = 5.0


class Endpoint:
    """`start`, then `address`; `stop` at the end. Raises `OSError` when the address is taken."""

    def __init__(self, failpoints: Failpoints, host: str, port: int) -> None:
        class Handler(_Handler):
            registry = failpoints

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

        self._server = Server((host, port), Handler)
        self.address: tuple[str, int] = self._server.server_address[:2]  # type: ignore[assignment]
        self._thread = threading.Thread(target=self._server.serve_forever, name="quorate-failpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    registry: Failpoints
    timeout = REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        name = self._name()
        if name is None:
            self._answer(200, {each: state._asdict() for each, state in self.registry.states().items()})
        else:
            self._carry_out(name, None)

    def do_PUT(self) -> None:
        name = self._name()
        length = self.headers.get("content-length", "")
        if name is None or not length.isdecimal() or int(length) > TEXT_MAX:
            self._answer(400, {"message": f"PUT {PREFIX}/NAME with a body of at most {TEXT_MAX} bytes, its length given"})
            return
        self._carry_out(name, self.rfile.read(int(length)).decode("utf-8", "replace").strip())

    def do_DELETE(self) -> None:
        name = self._name()
        if name is None:
            self._answer(400, {"message": f"DELETE {PREFIX}/NAME"})
        else:
            self._carry_out(name, "")

    def _name(self) -> str | None:
        """The failpoint that the path names; None: all of them. Another path is a name that does not exist."""
        return None if self.path == PREFIX else self.path.removeprefix(f"{PREFIX}/")

    def _carry_out(self, name: str, terms: str | None) -> None:
        """`terms`: to be set; empty: off; None: only asked for."""
        try:
            self.registry.state(name)
        except FailpointMisuse as error:
            self._answer(404, {"message": str(error)})
            return
        try:
            if terms:
                self.registry.configure(name, terms)
            elif terms is not None:
                self.registry.remove(name)
        except FailpointMisuse as error:
            self._answer(400, {"message": str(error)})
            return
        self._answer(200, self.registry.state(name)._asdict())

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Not on standard error: the node's own log is there."""
