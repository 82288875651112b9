"""The ``daexplore`` command."""

import os
import signal
import sys
import tempfile
import traceback
from types import FrameType

import daexplore.cli.adapt
import daexplore.cli.app
import daexplore.cli.calibrate
import daexplore.cli.compare
import daexplore.cli.distance
import daexplore.cli.embed
import daexplore.cli.explain
import daexplore.cli.explore
import daexplore.cli.export
import daexplore.cli.ingest
import daexplore.cli.inspect
import daexplore.cli.predict
import daexplore.cli.robustness
import daexplore.cli.runs
import daexplore.cli.simulate
import daexplore.cli.sweep
import daexplore.cli.train  # noqa: F401 (these register their commands)
from daexplore.cli.app import app
from daexplore.errors import InputError
from daexplore.utils.text import printable

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a fault of ours, 2 bad input, 130 interrupted
    (the run is resumable).
    """
    # Several threads on small arrays are slower than one, and far slower on a busy machine; torch's
    # own threads are a setting of the run.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # A scheduler ends a job with SIGTERM, and a shell starts background jobs with SIGINT ignored:
    # both leave a resumable run all the same.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        app()
    except InputError as error:
        _leave(str(error), 2)
    except SystemExit as ended:
        if ended.code == 130:
            _leave(
                "Interrupted. Resume with: daexplore train --resume RUN, or the same"
                " ingest, predict or sweep again.",
                130,
            )
        raise
    except Exception as error:
        handle, path = tempfile.mkstemp(prefix="daexplore-", suffix=".log", text=True)
        with os.fdopen(handle, "w") as log:
            traceback.print_exc(file=log)
        _leave(
            f"Internal error (not caused by your input): {type(error).__name__}:"
            f" {error}\nDetails are in {path}; please report it.",
            1,
        )


def _interrupt(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


def _leave(message: str, code: int) -> None:
    print(printable(message), file=sys.stderr)
    sys.exit(code)
