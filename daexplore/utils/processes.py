"""Identity of a process, and whether it still runs."""

import os
import re
import socket
from pathlib import Path
from typing import Any

__all__ = ["process_exists", "process_identity"]


def process_identity(pid: int | None = None) -> dict[str, Any]:
    """What tells a process (by default this one) from all others: number, host and start time (None
    where the system does not say).
    """
    pid = os.getpid() if pid is None else pid
    return {"pid": pid, "host": socket.gethostname(), "start": _start_time(pid)}


def process_exists(mark: dict[str, Any]) -> bool:
    """Whether the process of a mark made on this host still runs. A finished one whose parent has
    not noticed yet does not count.
    """
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
    """Clock ticks from boot to the start of a living process; see proc_pid_stat(5), fields 3 and
    22.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name, in parentheses, may itself hold spaces and parentheses.
    fields = re.sub(r"^.*\)", "", text, flags=re.DOTALL).split()
    return None if fields[0] in "ZX" else int(fields[19])
