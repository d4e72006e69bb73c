"""`kubectl quorate completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from quorate_operator.plugin.main import COMPLETE_VARIABLE

FOR_KUBECTL = f"""#!/bin/sh
# kubectl asks this program what may follow `kubectl quorate ...`: put it on the PATH as kubectl_complete-quorate, executable.
words="kubectl-quorate"
for word in "$@"; do words="$words $word"; done
COMP_WORDS="$words" COMP_CWORD=$# {COMPLETE_VARIABLE}=bash_complete kubectl-quorate | sed 's/^[a-z]*,//'
echo :4
"""
"""`:4`: offer nothing beside this, no file names."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["kubectl", "bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a completion script: of `kubectl quorate`, whatever the shell (kubectl), or of the program kubectl-quorate itself.

    \b
    Install it:
      kubectl quorate completion kubectl > ~/.local/bin/kubectl_complete-quorate && chmod +x ~/.local/bin/kubectl_complete-quorate
      kubectl quorate completion bash > ~/.local/share/bash-completion/completions/kubectl-quorate
    """
    if shell == "kubectl":
        click.echo(FOR_KUBECTL, nl=False)
        return
    completion = get_completion_class(shell)
    assert completion is not None, f"click completes {shell}"
    click.echo(completion(ctx.find_root().command, {}, "kubectl-quorate", COMPLETE_VARIABLE).source())
