"""Names, format version and safe writing of the files in a run folder."""

import json
import math
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from daexplore.errors import InputError

__all__ = [
    "DOMAINS",
    "FORMAT",
    "SPLITS",
    "evaluation_file",
    "process_exists",
    "process_mark",
    "read_json",
    "replacing",
    "saliency_file",
    "to_json",
    "weights_file",
    "write_json",
]

FORMAT = 1
DOMAINS = ("source", "target")
SPLITS = ("train", "validation", "test")


def evaluation_file(run: Path, epoch: int) -> Path:
    """Where the outputs of the evaluation sample after ``epoch`` lie."""
    return run / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet"


def saliency_file(run: Path, epoch: int) -> Path:
    """Where the Grad-CAM maps after ``epoch`` lie."""
    return run / "saliency" / f"epoch={epoch:04d}" / "gradcam.parquet"


def weights_file(run: Path, epoch: int) -> Path:
    """Where the network's tensors after ``epoch`` lie."""
    return run / "weights" / f"epoch-{epoch:04d}.safetensors"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` to write to, then puts it in the place of ``path`` in one step: no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """Numbers, arrays, paths and containers as JSON types; NaN and infinities, which JSON lacks, become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def to_json(value: Any, indent: int | None = None) -> str:
    """``value`` as strict JSON."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Rewrites a JSON file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(to_json(value, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        InputError: the file is missing or is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing. Give the folder of a run, the one that holds run.json.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable JSON ({error}). Restore it from a copy, or remove the run's folder.") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(value).__name__}. Restore it from a copy, or remove the run's folder.")
    return value


def process_mark(pid: int | None = None) -> dict[str, Any]:
    """What tells a process (by default this one) from all others: number, host and start time (None where the system does not say)."""
    pid = os.getpid() if pid is None else pid
    return {"pid": pid, "host": socket.gethostname(), "start": _start_time(pid)}


def process_exists(mark: dict[str, Any]) -> bool:
    """Whether the process of a mark made on this host still runs. A finished one whose parent has not noticed yet does not count."""
    pid = mark.get("pid")
    if not isinstance(pid, int):
        return False
    if Path("/proc/self/stat").exists():
        start = _start_time(pid)
        # Numbers are used again, within a container soon, so the start time has to agree as well.
        return start is not None and mark.get("start") in (None, start)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a living process; see proc_pid_stat(5), fields 3 and 22."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name, in parentheses, may itself hold spaces and parentheses.
    fields = re.sub(r"^.*\)", "", text, flags=re.DOTALL).split()
    return None if fields[0] in "ZX" else int(fields[19])
