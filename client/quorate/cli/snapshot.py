"""`quorate snapshot`."""

from __future__ import annotations

from pathlib import Path

import click

from quorate.cli.output import emit_fields
from quorate.cli.progress import bytes_progress
from quorate.cli.settings import Settings, pass_settings


@click.group("snapshot")
def command() -> None:
    """Save a snapshot of the whole cluster, or check a snapshot file.

    \b
    Examples:
      quorate snapshot save backup-2031-01-01.snapshot
      quorate snapshot verify backup-2031-01-01.snapshot
    """


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE when it is there.")
@click.option("--max-time", type=click.IntRange(min=1), default=3600, show_default=True, metavar="SECONDS")
@pass_settings
def save(settings: Settings, file: Path, force: bool, max_time: int) -> None:
    """Save a snapshot to FILE: written beside it, checked, synced, and only then named FILE."""
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already; --force replaces it")
    if not file.absolute().parent.is_dir():
        raise click.UsageError(f"{file.parent} is no directory; make it first")
    with bytes_progress(f"saving {file.name}", settings.format) as progress:
        info = settings.run(lambda cluster: cluster.snapshot(file, progress=progress, timeout_s=max_time))
    fields: dict[str, object] = {"path": info.path, "size_bytes": info.size_bytes, "sha256": info.sha256}
    emit_fields(fields | {"index": info.index, "revision": info.revision}, settings.format)


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@pass_settings
def verify(settings: Settings, file: Path) -> None:
    """Check FILE without any cluster: magic, length, SHA-256."""
    from quorate.snapshot_file import verify_snapshot

    with bytes_progress(f"checking {file.name}", settings.format) as progress:
        info = verify_snapshot(file, progress)
    emit_fields({"path": info.path, "size_bytes": info.size_bytes, "sha256": info.sha256}, settings.format)
