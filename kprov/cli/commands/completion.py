"""`kprov completion`: print completion scripts for shells."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

PROGRAM = "kprov"
#: The environment variable of a completion request; typer derives it from the program's name.
VARIABLE = "_KPROV_COMPLETE"


class Shell(StrEnum):
    """Shells with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(shell: Annotated[Shell, typer.Argument(help="The shell.")]) -> None:
    """Print the completion script of a shell.

    bash: add `source <(kprov completion bash)` to ~/.bashrc.

    zsh: add `source <(kprov completion zsh)` to ~/.zshrc, after compinit.

    fish: run `kprov completion fish > ~/.config/fish/completions/kprov.fish`.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    typer.echo(get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell.value))
