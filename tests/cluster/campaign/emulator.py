"""A network emulator in userland, for kernels without `sch_netem`: a process that holds one end of a TUN device of each member.

    python -m tests.cluster.campaign.emulator SEED NAME=ADDRESS ...

It makes the devices, says `ready`, and then takes a JSON list a line, of {"source": 0, "target": 1, "impairment": {...}}, answered by
`ok`. Packets come in whole (IPv4), so that TCP meets real loss, delay and reordering and not a proxy's orderly stream. It ends with
its standard input, and the devices with it.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import random
import selectors
import socket
import struct
import sys
import time

from tests.cluster.campaign.impairment import Impairment, Wire

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES_MAX = 65_536
BURST_PACKETS = 64
"""Packets taken from one device before the others have their turn."""


def open_tun(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class Emulator:
    """The devices by their member's address, the wires by (source, target), and the packets that are under way, earliest first."""

    def __init__(self, seed: int, tuns: list[tuple[str, str]]) -> None:
        self._seed = seed
        self._addresses = [socket.inet_aton(address) for _, address in tuns]
        self._tuns = [open_tun(name) for name, _ in tuns]
        self._devices = dict(zip(self._addresses, self._tuns, strict=True))
        self._wires: dict[tuple[bytes, bytes], Wire] = {}
        self._under_way: list[tuple[float, int, Wire, int, bytes]] = []
        self._count = 0

    def run(self) -> None:
        selector = selectors.DefaultSelector()
        for tun in self._tuns:
            selector.register(tun, selectors.EVENT_READ)
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            now_s = time.monotonic()
            wait_s = max(0.0, self._under_way[0][0] - now_s) if self._under_way else None
            for key, _ in selector.select(wait_s):
                if key.fd == sys.stdin.fileno():
                    line = sys.stdin.readline()
                    if not line:
                        return
                    for command in json.loads(line):
                        self._command(command)
                    print("ok", flush=True)
                else:
                    self._read(key.fd)
            self._deliver(time.monotonic())

    def _command(self, command: dict[str, object]) -> None:
        source, target = int(str(command["source"])), int(str(command["target"]))
        given = command["impairment"]
        assert isinstance(given, dict)
        generator = random.Random(f"{self._seed}/{source}/{target}/{self._count}")
        self._wires[self._addresses[source], self._addresses[target]] = Wire(Impairment(**given), generator)

    def _read(self, tun: int) -> None:
        for _ in range(BURST_PACKETS):
            try:
                packet = os.read(tun, PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            if len(packet) < 20 or packet[0] >> 4 != 4:
                continue  # the kernel's own greetings by IPv6
            target = packet[16:20]
            device = self._devices.get(target)
            if device is None:
                continue
            wire = self._wires.get((packet[12:16], target))
            if wire is None:
                self._write(device, packet)
                continue
            for at_s in wire.plan(time.monotonic(), len(packet)):
                self._count += 1
                wire.waiting_packets += 1
                heapq.heappush(self._under_way, (at_s, self._count, wire, device, packet))

    def _deliver(self, now_s: float) -> None:
        while self._under_way and self._under_way[0][0] <= now_s:
            _, _, wire, device, packet = heapq.heappop(self._under_way)
            wire.waiting_packets -= 1
            self._write(device, packet)

    def _write(self, device: int, packet: bytes) -> None:
        try:
            os.write(device, packet)
        except (BlockingIOError, OSError) as error:
            # The member's end is down, or its queue is full: a packet lost, as packets are.
            print(f"emulator: {error}", file=sys.stderr)


def main() -> None:
    seed, *tuns = sys.argv[1:]
    Emulator(int(seed), [(name, address) for name, _, address in (word.partition("=") for word in tuns)]).run()


if __name__ == "__main__":
    main()
