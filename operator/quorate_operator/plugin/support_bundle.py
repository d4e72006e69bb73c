"""`kubectl quorate support-bundle`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from quorate.cli.output import emit_json
from quorate_operator.plugin.arguments import cluster_argument
from quorate_operator.plugin.bundle import gather
from quorate_operator.plugin.settings import Settings, pass_settings

OPERATOR_NAMESPACE = "quorate-system"


@click.command("support-bundle")
@cluster_argument
@click.option("-f", "--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="[default: quorate-CLUSTER-TIME.tar.gz here]")
@click.option("--operator-namespace", default=OPERATOR_NAMESPACE, metavar="NAME", help=f"[default: {OPERATOR_NAMESPACE}]")
@click.option("--log-lines", type=click.IntRange(0, 100_000), default=5000, metavar="N", help="Of each container. [default: 5000]")
@click.option("--all-containers", is_flag=True, help="Logs of your own containers beside a member too.")
@pass_settings
def command(settings: Settings, name: str, path: Path | None, operator_namespace: str, log_lines: int, all_containers: bool) -> None:
    """Gather what helps others to help with CLUSTER: the resource, its objects, events, logs, and the operator's.

    Secrets are not read at all, and what looks like one elsewhere is left out.

    \b
    Example:
      kubectl quorate support-bundle orders -f /tmp/orders.tar.gz
    """
    now = time.time()
    folder = f"quorate-{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    target = path or Path(f"{folder}.tar.gz")
    bundle = settings.run(lambda clusters: gather(clusters, name, operator_namespace, log_lines, all_containers=all_containers))
    data = bundle.archive(folder, now)
    target.touch(mode=0o600)
    target.write_bytes(data)
    if settings.format == "json":
        emit_json({"file": str(target), "files": sorted(bundle.files), "missing": bundle.missing})
        return
    click.echo(f"{target}: {len(bundle.files)} files, {len(data) // 1024} KiB")
    for each in bundle.missing:
        click.echo(f"  not there: {each}", err=True)
