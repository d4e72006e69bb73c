"""kopf, and nothing else: every event of a resource or of a child wakes one reconcile of its cluster. No finalizers, timers or daemons."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from typing import Any, cast

import kopf

from quorate_operator.api.model import GROUP, PLURAL, VERSION
from quorate_operator.clients.kinds import CHILDREN, KINDS, MAY_BE_MISSING
from quorate_operator.issuing.parsing import account_of
from quorate_operator.objects.identity import CLUSTER_LABEL, ClusterKey

Wake = Callable[[ClusterKey], None]
WATCHED = tuple(kind for kind in CHILDREN if kind not in MAY_BE_MISSING and kind != "EndpointSlice")
"""Kinds that any Kubernetes has. The others are looked at with every tick; EndpointSlices change with every pod that does."""


REQUESTS = ("certificates.k8s.io", "v1", "certificatesigningrequests")


def registry(wake: Wake, *, of_all_namespaces: bool) -> kopf.OperatorRegistry:
    made = kopf.OperatorRegistry()

    async def of_resource(namespace: str | None, name: str | None, **_: Any) -> None:
        wake((namespace or "", name or ""))

    async def of_child(namespace: str | None, labels: Any, **_: Any) -> None:
        wake((namespace or "", labels.get(CLUSTER_LABEL, "")))

    async def of_request(spec: Any, labels: Any, **_: Any) -> None:
        # The label is the asker's word, and good enough to wake somebody: who judges the request is seen then.
        namespace, account = account_of({"spec": spec})
        for name in dict.fromkeys((account, labels.get(CLUSTER_LABEL, ""))):
            wake((namespace, name))

    kopf.on.event(GROUP, VERSION, PLURAL, registry=made)(of_resource)
    if of_all_namespaces:
        # Requests of members carry the label to be heard of at once; others are found with the next tick.
        kopf.on.event(*REQUESTS, labels={CLUSTER_LABEL: kopf.PRESENT}, registry=made)(of_request)
    for kind in WATCHED:
        group, _, version = KINDS[kind].api_version.rpartition("/")
        kopf.on.event(group, version, KINDS[kind].plural, labels={CLUSTER_LABEL: kopf.PRESENT}, registry=made)(of_child)

    @kopf.on.login(registry=made)
    def login(**arguments: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)

    return made


def settings() -> kopf.OperatorSettings:
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.posting.loggers = False
    made.peering.standalone = True
    # It would watch all CustomResourceDefinitions and namespaces, a right over the cluster that nothing here needs.
    made.scanning.disabled = True
    made.watching.chunk_size = 500
    made.watching.connect_timeout = 10.0
    # There are a dozen watches: ten of each a second would be asked for where something in between ends them all.
    made.watching.reconnect_backoff = 1.0
    made.networking.request_timeout = 30.0
    # Children of others are never sent to us at all.
    for kind in WATCHED:
        group, _, version = KINDS[kind].api_version.rpartition("/")
        made.watching.label_selectors[group, version, KINDS[kind].plural] = CLUSTER_LABEL
    made.watching.label_selectors[REQUESTS] = CLUSTER_LABEL
    # kopf's own lines, one an event, are of no interest to anybody.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    return made


async def watch(wake: Wake, namespaces: Sequence[str], stop: asyncio.Event) -> None:
    """Until cancelled, or until `stop`, which it sets at SIGTERM and SIGINT; ends with an exception when watching is not possible.

    kopf takes both signals for itself, and when it has ended by one it waits for every task of the process, cancels what is left, and ends
    with the exception of any that had one: a request in flight that found nothing made an orderly end a failure. So the signals
    are taken back as soon as it runs, and who calls cancels this last.
    """
    ready = asyncio.Event()
    taking = asyncio.create_task(_take_signals(ready, stop), name="signals")
    try:
        await kopf.operator(
            registry=registry(wake, of_all_namespaces=not namespaces),
            settings=settings(),
            clusterwide=not namespaces,
            namespaces=tuple(namespaces),
            standalone=True,
            # Only for peering, which is off; by itself kopf asks who the user is, and a container's has no name.
            identity=cast(Any, "quorate-operator"),
            ready_flag=ready,
        )
    finally:
        taking.cancel()
    # It ends without an exception by a signal alone: one that came before it was ready.
    stop.set()


async def _take_signals(ready: asyncio.Event, stop: asyncio.Event) -> None:
    await ready.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
