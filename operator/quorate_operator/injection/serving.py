"""Keeps the webhook's certificate, tells the API server what to trust, and opens the server as soon as there is something to serve with."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aiohttp import web

from quorate_operator.clients.errors import Failure
from quorate_operator.clients.kubernetes_api import STRATEGIC, KubernetesApi
from quorate_operator.injection.material import Material, made, material_of, renewed, secret
from quorate_operator.injection.webhook import Webhook
from quorate_operator.issuing.certificates import BadKeyring, utc_now

CONFIGURATION = "MutatingWebhookConfiguration"
TURN_S = 30.0
FIRST_S = 1.0
"""Until the server is open. The replica that works makes the certificate as soon as it has the Lease."""
FAILED_S = 10.0
log = logging.getLogger("quorate_operator.injection")


@dataclass
class Serving:
    """`may_act`: whether this replica is the one that works, which alone writes; every replica serves."""

    kubernetes: KubernetesApi
    webhook: Webhook
    may_act: Callable[[], bool]
    namespace: str
    name: str
    """Of the MutatingWebhookConfiguration and of the Secret."""
    host: str
    """DNS name under which the API server asks: `<service>.<namespace>.svc`."""
    port: int
    folder: Path | None = None
    """Where somebody else (cert-manager) keeps `tls.crt` and `tls.key` up to date, and the configuration's bundle too."""
    now: Callable[[], datetime] = utc_now
    _context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    _loaded: str = ""
    _runner: web.AppRunner | None = None

    async def run(self) -> None:
        """Until it is cancelled. Raises `Failure` for a port that cannot be had; everything else is tried again."""
        try:
            while True:
                wait_s = FIRST_S
                try:
                    await self.turn()
                except (Failure, BadKeyring, ssl.SSLError, OSError) as wrong:
                    if isinstance(wrong, Failure) and wrong.reason == "PortTaken":
                        raise
                    log.warning("the webhook's certificate: %s", wrong)
                    wait_s = FAILED_S
                await asyncio.sleep(TURN_S if self._runner is not None else wait_s)
        finally:
            if self._runner is not None:
                await self._runner.cleanup()

    async def turn(self) -> None:
        """Look, write what is due, serve with what is there. Raises `Failure`, `BadKeyring`, `ssl.SSLError`, `OSError`."""
        if self.folder is not None:
            self._load((self.folder / "tls.crt").read_text(), (self.folder / "tls.key").read_text())
        else:
            material = await self._kept()
            if material is None:
                return
            self._load(material.certificate, material.key)
        if self._runner is None:
            self._runner, port = await self.webhook.start(self.port, self._context)
            log.info("the webhook listens on port %d as %s", port, self.host)

    async def _kept(self) -> Material | None:
        """The Secret's, after what is due was written; None while there is none and another replica is to make it."""
        item = await self.kubernetes.get("Secret", self.namespace, self.name)
        if not self.may_act():
            return material_of(item) if item is not None else None
        configuration = await self.kubernetes.get(CONFIGURATION, "", self.name)
        told = _bundles(configuration)
        held = _readable(item)
        trusted = next(iter(told)) if len(told) == 1 else ""
        wanted = renewed(held, self.host, trusted, self.now()) if held is not None else made(self.host, self.now())
        if item is None:
            await self.kubernetes.create(secret(self.namespace, self.name, wanted))
        elif wanted != held:
            await self.kubernetes.replace(secret(self.namespace, self.name, wanted, item))
        if configuration is not None and told != {wanted.bundle}:
            await self._tell(configuration, wanted.bundle)
        return wanted

    async def _tell(self, configuration: dict[str, object], bundle: str) -> None:
        """By the names of its webhooks: the rest is the chart's."""
        encoded = base64.b64encode(bundle.encode()).decode("ascii")
        names = [each["name"] for each in configuration.get("webhooks") or []]  # type: ignore[attr-defined]
        body = {"webhooks": [{"name": name, "clientConfig": {"caBundle": encoded}} for name in names]}
        await self.kubernetes.patch(CONFIGURATION, "", self.name, body, media=STRATEGIC)
        log.info("the API server is told which authority the webhook's certificate is of")

    def _load(self, certificate: str, key: str) -> None:
        """Into the one context: who connects from now on gets it, and nobody is cut off."""
        if certificate == self._loaded:
            return
        # The library takes files only; this one is in memory, has no name, and is gone with its descriptor.
        descriptor = os.memfd_create("quorate-webhook")
        try:
            os.write(descriptor, f"{certificate}\n{key}\n".encode())
            self._context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        self._loaded = certificate


def _bundles(configuration: dict[str, object] | None) -> set[str]:
    """What the webhooks of the configuration are trusted by, decoded; an empty text for one that has none."""
    found = (configuration or {}).get("webhooks") or []
    return {
        base64.b64decode(each.get("clientConfig", {}).get("caBundle") or "").decode(errors="replace")
        for each in found  # type: ignore[attr-defined]
    }


def _readable(item: dict[str, object] | None) -> Material | None:
    """None for none, and for one that cannot be used: it is made anew, and the API server told."""
    if item is None:
        return None
    try:
        return material_of(item)
    except BadKeyring as wrong:
        log.warning("the webhook's Secret is made anew: %s", wrong)
        return None
