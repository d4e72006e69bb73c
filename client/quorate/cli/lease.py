"""`quorate lease`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from quorate.cli.output import bytes_json, emit_fields, emit_json, emit_line, emit_rows, plain, text
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import DURATION, IDENTIFIER

if TYPE_CHECKING:
    from quorate.cluster import Cluster


@click.group("lease")
def command() -> None:
    """Grant, renew, revoke and list leases. Keys put with a lease are deleted when it ends.

    \b
    Example:
      id=$(quorate lease grant 30s -o plain | cut -f2)
      quorate put workers/7 here --lease $id
      quorate lease keep-alive $id
    """


@command.command()
@click.argument("ttl", type=DURATION)
@click.option("--id", "lease", type=IDENTIFIER, default=0, help="Ask for this id.")
@pass_settings
def grant(settings: Settings, ttl: int, lease: int) -> None:
    """Grant a lease that lives TTL (10s, 5m) without renewal."""
    granted = settings.run(lambda cluster: cluster.lease_grant(ttl, lease=lease))
    emit_fields({"lease": granted.lease, "ttl_ms": granted.ttl_ms}, settings.format)


@command.command()
@click.argument("lease", type=IDENTIFIER)
@pass_settings
def revoke(settings: Settings, lease: int) -> None:
    """End LEASE now and delete its keys."""
    revision = settings.run(lambda cluster: cluster.lease_revoke(lease))
    emit_fields({"revision": revision}, settings.format)


@command.command("keep-alive")
@click.argument("lease", type=IDENTIFIER)
@click.option("--once", is_flag=True, help="Renew it once.")
@pass_settings
def keep_alive(settings: Settings, lease: int, once: bool) -> None:
    """Renew LEASE until interrupted; it is not revoked then. Exit code 4 when it is gone."""

    async def renew(cluster: Cluster) -> None:
        from quorate.exceptions import LeaseNotFound

        while True:
            left_ms = (await cluster.lease_keep_alive(lease)).get(lease, -1)
            if left_ms < 0:
                raise LeaseNotFound(f"lease {lease} is not there: it expired or was revoked")
            emit_fields({"lease": lease, "ttl_ms": left_ms}, settings.format)
            if once:
                return
            await asyncio.sleep(left_ms / 3000)

    settings.run(renew)


@command.command("list")
@pass_settings
def list_leases(settings: Settings) -> None:
    """List all leases and the time they have left."""
    leases = settings.run(lambda cluster: cluster.leases())
    emit_rows(("lease", "ttl_ms"), [{"lease": each.lease, "ttl_ms": each.ttl_ms} for each in leases], settings.format)


@command.command()
@click.argument("lease", type=IDENTIFIER)
@click.option("--keys", is_flag=True, help="Also list the keys that end with it.")
@pass_settings
def show(settings: Settings, lease: int, keys: bool) -> None:
    """Show LEASE: time left, time granted. Exit code 4 when it is gone."""
    info = settings.run(lambda cluster: cluster.lease_info(lease, keys=keys))
    fields: dict[str, object] = {"lease": info.lease, "ttl_ms": info.ttl_ms, "granted_ttl_ms": info.granted_ttl_ms}
    if settings.format == "json":
        emit_json({name: str(value) for name, value in fields.items()} | {"keys": [bytes_json("key", each) for each in info.keys]})
        return
    emit_fields(fields, settings.format)
    for each in info.keys:
        emit_line("key", plain(each) if settings.format == "plain" else text(each))
