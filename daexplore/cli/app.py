"""The typer application that the commands register with, and shell completion."""

import enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

__all__ = ["PROGRAM", "Runs", "app", "completion"]

PROGRAM = "daexplore"
# Help lists a first session's commands first, then what is done with runs.
_ORDER = [
    "simulate",
    "train",
    "evaluate",
    "explore",
    "calibrate",
    "compare",
    "completion",
    "distance",
    "adapt",
    "robustness",
    "explain",
    "export",
    "ingest",
    "embed",
    "embed",
    "inspect",
    "predict",
    "report",
    "sweep",
    "runs",
]


class _Commands(TyperGroup):
    """Commands in the order of ``_ORDER``, whatever order their modules are imported in."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=_ORDER.index)


app = typer.Typer(
    name=PROGRAM,
    cls=_Commands,
    help=(
        "Train domain-adaptation methods on galaxy images, see what they do, and test whether they"
        " help."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
Runs = Annotated[Path, typer.Option("--runs", help="Folder of the runs.", envvar="DAEXPLORE_RUNS")]


class Shell(enum.StrEnum):
    """Shells that a script can be had for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


@app.command()
def completion(shell: Shell) -> None:
    """Print the completion script of a shell: bash, zsh or fish.

    bash: eval "$(daexplore completion bash)" in ~/.bashrc. zsh: the same with zsh in ~/.zshrc,
    after compinit.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    print(
        get_completion_script(
            prog_name=PROGRAM, complete_var=f"_{PROGRAM.upper()}_COMPLETE", shell=shell.value
        )
    )
