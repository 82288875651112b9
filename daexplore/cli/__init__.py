"""The ``daexplore`` command."""

import os
import signal
import sys
import tempfile
import traceback
from types import FrameType

from daexplore.cli.commands import app
from daexplore.errors import InputError

__all__ = ["app", "main"]


def main() -> None:
    """Runs the command line. Exit codes: 0 done, 1 a fault of ours, 2 bad input, 130 interrupted (the run is resumable)."""
    # A scheduler ends a job with SIGTERM, and a shell starts background jobs with SIGINT ignored: both leave a resumable run all the same.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        app(standalone_mode=False)
    except InputError as error:
        _leave(str(error), 2)
    except KeyboardInterrupt:
        _leave("Interrupted. A run that had begun can go on: daexplore train --resume RUN", 130)
    except Exception as error:
        _unexpected(error)


def _interrupt(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


def _unexpected(error: Exception) -> None:
    import click

    if isinstance(error, click.exceptions.Exit):
        sys.exit(error.exit_code)
    if isinstance(error, click.exceptions.Abort):
        _leave("Interrupted.", 130)
    if isinstance(error, click.ClickException):
        error.show()
        sys.exit(2)
    handle, path = tempfile.mkstemp(prefix="daexplore-", suffix=".log", text=True)
    with os.fdopen(handle, "w") as log:
        traceback.print_exc(file=log)
    _leave(f"This is a fault in daexplore, not in your input: {type(error).__name__}: {error}\nDetails are in {path}; please report it.", 1)


def _leave(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)
