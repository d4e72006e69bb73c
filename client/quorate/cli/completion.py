"""`quorate completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Install it:
      bash:  quorate completion bash > ~/.local/share/bash-completion/completions/quorate
      zsh:   quorate completion zsh > "${fpath[1]}/_quorate"
      fish:  quorate completion fish > ~/.config/fish/completions/quorate.fish
    """
    completion = get_completion_class(shell)
    assert completion is not None, f"click completes {shell}"
    click.echo(completion(ctx.find_root().command, {}, "quorate", "_QUORATE_COMPLETE").source())
