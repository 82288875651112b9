"""``daexplore completion``: what the shell needs to complete commands and options."""

import enum

from daexplore.cli.commands import app

__all__ = ["completion"]

PROGRAM = "daexplore"


class Shell(enum.StrEnum):
    """Shells that a script can be had for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


@app.command()
def completion(shell: Shell) -> None:
    """Print the completion script of a shell: bash, zsh or fish.

    bash: eval "$(daexplore completion bash)" in ~/.bashrc. zsh: the same with zsh in ~/.zshrc, after compinit.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    print(get_completion_script(prog_name=PROGRAM, complete_var=f"_{PROGRAM.upper()}_COMPLETE", shell=shell.value))
