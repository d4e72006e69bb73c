"""A TCP proxy in front of the API server, which a test cuts, closes, or lets fall silent. It looks at no byte of what passes."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.kubernetes.kubectl import Kubectl

CHUNK_BYTES = 65536
CONNECT_TIMEOUT_S = 10.0


@dataclass(eq=False)
class _Pair:
    """One connection and its continuation; `muted` swallows what comes."""

    ends: tuple[socket.socket, socket.socket]
    muted: bool = False

    def abort(self) -> None:
        for end in self.ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@dataclass
class Proxy:
    kubectl: Kubectl
    made: int = 0
    """Connections that were asked for so far."""
    _pairs: set[_Pair] = field(default_factory=set)
    _refusing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        server = urlsplit(_server(self.kubectl))
        assert server.hostname is not None
        self._to = server.hostname, server.port or 443
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def address(self) -> str:
        host, port = self._listening.getsockname()[:2]
        return f"https://{host}:{port}"

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self.made += 1
            if self._refusing:
                near.close()
                continue
            try:
                far = socket.create_connection(self._to, CONNECT_TIMEOUT_S)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            pair = _Pair((near, far))
            with self._lock:
                self._pairs.add(pair)
            for source, sink in (pair.ends, pair.ends[::-1]):
                threading.Thread(target=self._pass, args=(pair, source, sink), daemon=True).start()

    def _pass(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if not pair.muted:
                    sink.sendall(data)
        with self._lock:
            self._pairs.discard(pair)
        pair.abort()

    def cut(self) -> None:
        """All connections that there are end at once, without a word."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.abort()

    def refuse(self) -> None:
        self._refusing = True
        self.cut()

    def accept(self) -> None:
        self._refusing = False

    def mute(self) -> None:
        """Nothing passes through the connections that there are; new ones are as before."""
        with self._lock:
            for pair in self._pairs:
                pair.muted = True

    def close(self) -> None:
        self._listening.close()
        self.cut()


def _server(kubectl: Kubectl) -> str:
    return str(json.loads(kubectl("config", "view", "--raw", "-o", "json"))["clusters"][0]["cluster"]["server"])


def through(proxy: Proxy, kubectl: Kubectl, path: Path) -> Path:
    """A kubeconfig that leads through the proxy. What the API server shows must be of 127.0.0.1 too, as on the bed and with kind."""
    config = json.loads(kubectl("config", "view", "--raw", "-o", "json"))
    for each in config["clusters"]:
        each["cluster"]["server"] = proxy.address
    path.write_text(json.dumps(config))
    return path
