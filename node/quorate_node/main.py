"""`quorate-node`: one member of a cluster, from its configuration to its orderly end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import uvloop

from quorate_node.config.command_line import Action
from quorate_node.config.errors import ConfigurationError
from quorate_node.config.load import Loaded, load
from quorate_node.config.model import NodeConfig
from quorate_node.config.render import render
from quorate_node.kubernetes.errors import NotInKubernetes
from quorate_node.node import Node, certificate_keeper
from quorate_node.process_tuning import settle_process, tune_process
from quorate_node.replica.lone_damage import DiscardRefused
from quorate_node.store.errors import StoreError
from quorate_node.telemetry.logs import configure_logging
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.tls_files import TlsError

logger = logging.getLogger(__name__)

EXIT_OK = 0
EXIT_STOPPED = 1
"""The member stopped itself: damage, divergence, a failed disk. A supervisor may start it again; the log says why."""
EXIT_CONFIGURATION = 2
EXIT_UNUSABLE = 3
"""The data directory, a port or a certificate cannot be used."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    try:
        loaded = load(sys.argv[1:] if arguments is None else arguments, os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"quorate-node: the configuration is not sound\n{error}\n")
        return EXIT_CONFIGURATION
    if loaded.action is Action.CHECK:
        sys.stdout.write("the configuration is sound\n")
        return EXIT_OK
    if loaded.action is Action.PRINT:
        sys.stdout.write(render(loaded.config, loaded.origins))
        return EXIT_OK
    return _run(loaded)


def _end_when_told() -> None:
    """Until the member can stop in order, a signal ends the process at once, which loses nothing that was acknowledged.

    That is the default of every process but the first of a container: there the kernel drops signals that nobody handles, and a pod that
    is deleted while its member opens a large store would wait out its grace period.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: os._exit(128 + received))


def _run(loaded: Loaded) -> int:
    _end_when_told()
    config = loaded.config
    telemetry = Telemetry()
    configure_logging(config.logging.level, config.logging.format, suppressed=telemetry.log_lines_suppressed)
    tune_process()
    if "QUORATE_FAILPOINTS" in os.environ and not _start_failpoints():
        return EXIT_CONFIGURATION
    try:
        return uvloop.run(_live(config, telemetry, loaded.discard_damaged_from))
    except (StoreError, TlsError, NotInKubernetes, OSError) as error:
        logger.critical("cannot start: %s", error)
        return EXIT_UNUSABLE


def _start_failpoints() -> bool:
    """For tests of faults alone, and not even imported otherwise. False: they are not sound, as was said."""
    from quorate_node.failpoints.environment import start
    from quorate_node.failpoints.errors import FailpointMisuse

    try:
        start(os.environ)
    except (FailpointMisuse, OSError) as error:
        sys.stderr.write(f"quorate-node: the failpoints cannot be set: {error}\n")
        return False
    return True


async def _live(config: NodeConfig, telemetry: Telemetry, discard_damaged_from: int | None) -> int:
    certificates = certificate_keeper(config, os.environ)
    if certificates is not None:
        # Without a certificate nobody would talk to this member, nor could it to anybody.
        await certificates.ready()
    node = Node(config, telemetry, discard_damaged_from, certificates)
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    try:
        await node.start()
        settle_process()
        await _first(ending.wait, node.replica.stopped.wait)
    finally:
        await _stop_in_time(node, config.shutdown.deadline_ms / 1000)
    if isinstance(node.replica.stopped_because, DiscardRefused):
        return EXIT_CONFIGURATION
    return EXIT_STOPPED if node.replica.stopped_because is not None else EXIT_OK


async def _first(*events: Callable[[], Awaitable[object]]) -> None:
    tasks = [asyncio.ensure_future(event()) for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _stop_in_time(node: Node, deadline_s: float) -> None:
    """What is acknowledged is durable already: cutting the rest off loses nothing but manners."""
    try:
        async with asyncio.timeout(deadline_s):
            await node.stop()
    except TimeoutError:
        logger.warning("not stopped within %.1f s; the rest is cut off", deadline_s)
        asyncio.get_running_loop().call_soon(partial(os._exit, EXIT_OK))
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
