"""`quorate-operator`: puts the parts together, runs until SIGTERM, and gives the lease back."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from quorate_operator.act.events import Events
from quorate_operator.clients.errors import Failure
from quorate_operator.clients.kubernetes_api import KubernetesApi, configured
from quorate_operator.clients.members import MemberApi
from quorate_operator.clients.tls import SecretTls
from quorate_operator.handlers import watch
from quorate_operator.health import Health, stalled
from quorate_operator.injection.serving import Serving
from quorate_operator.injection.webhook import Webhook
from quorate_operator.issuing.issuer import Issuer
from quorate_operator.lease import Lease
from quorate_operator.loop import Loop
from quorate_operator.metrics import Metrics
from quorate_operator.observe.listing import Listing
from quorate_operator.observe.world import Defaults
from quorate_operator.program_log import configure_logging
from quorate_operator.reconcile import Reconciler
from quorate_operator.settings import BadSettings, Settings, address_type, settings_from

EXIT_USAGE = 2
EXIT_FAILED = 1
STALLED_TICKS_MAX = 4
log = logging.getLogger("quorate_operator")


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises `Failure` when the API server or the port cannot be had at all, and what ends the watches."""
    async with AsyncExitStack() as stack:
        kubernetes, members = KubernetesApi(await configured()), MemberApi()
        stack.push_async_callback(kubernetes.close)
        stack.push_async_callback(members.close)
        await _run(settings, kubernetes, members)


async def _run(settings: Settings, kubernetes: KubernetesApi, members: MemberApi) -> None:
    metrics, stop = Metrics(), asyncio.Event()
    listing = Listing(kubernetes, settings.watch_namespaces)
    defaults = Defaults(settings.namespace, settings.image, settings.image_version, address_type(os.environ))
    events = Events(kubernetes, settings.pod_name)
    issuer = Issuer(kubernetes, settings.namespace, answered=metrics.answered)
    reconciler = Reconciler(kubernetes, members, listing, defaults, events, SecretTls(kubernetes).of, issuer)
    lease = Lease(kubernetes, settings.namespace, settings.lease_name, settings.pod_name, settings.lease_duration_s)
    loop = Loop(reconciler, lambda: lease.held, metrics, settings.tick_s, settings.parallel)
    lease.on_acquired = loop.wake_all
    health = Health(metrics, lambda: _stalled(loop, lease, settings), lambda: _refresh(metrics, lease, kubernetes))
    runner, port = await health.start(settings.port)
    where = ", ".join(settings.watch_namespaces) or "the whole cluster"
    log.info("quorate-operator watches %s as %s; health and metrics on port %d", where, settings.pod_name, port)
    watches = asyncio.create_task(watch(loop.wake, settings.watch_namespaces, stop), name="the watches")
    tasks = [
        asyncio.create_task(lease.run(), name="the lease"),
        asyncio.create_task(loop.run(), name="the loop"),
    ]
    if settings.webhook_port:
        webhook = Webhook(kubernetes, defaults, settings.watch_namespaces, metrics.injected, loop.wake)
        serving = serving_of(settings, kubernetes, webhook, lambda: lease.held)
        tasks.append(asyncio.create_task(serving.run(), name="the webhook"))
    try:
        await _until_stopped([watches, *tasks], stop)
    finally:
        # The watches last: kopf cancels every task of the process when it ends, and the lease is given back by one.
        for ending in (tasks, [watches]):
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
        await runner.cleanup()


def serving_of(settings: Settings, kubernetes: KubernetesApi, webhook: Webhook, may_act: Callable[[], bool]) -> Serving:
    host = f"{settings.webhook_service}.{settings.namespace}.svc"
    folder = Path(settings.webhook_certificate_dir) if settings.webhook_certificate_dir else None
    return Serving(kubernetes, webhook, may_act, settings.namespace, settings.webhook_name, host, settings.webhook_port, folder)


async def _until_stopped(tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """None of the tasks ends by itself: one that does has failed, and the pod is started anew instead of living on half dead."""
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        return
    for task in done:
        log.error("%s ended", task.get_name())
        task.result()
    raise RuntimeError("a part of the operator ended without being asked to")


def _stalled(loop: Loop, lease: Lease, settings: Settings) -> str:
    limit_s = settings.tick_s * STALLED_TICKS_MAX + 60.0
    return stalled("the reconcile loop", loop.turned_at, limit_s) or stalled("the lease", lease.turned_at, limit_s)


def _refresh(metrics: Metrics, lease: Lease, kubernetes: KubernetesApi) -> None:
    metrics.leading.set(lease.held)
    metrics.api_calls.set(kubernetes.calls)
    metrics.api_writes.set(kubernetes.writes)
    metrics.api_retries.set(kubernetes.retries)


def main() -> None:
    try:
        settings = settings_from(sys.argv[1:], os.environ)
    except BadSettings as wrong:
        print(f"quorate-operator: {wrong}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    configure_logging(settings.log_format, settings.log_level)
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(run(settings))
    except Failure as failure:
        log.error("%s", failure)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
