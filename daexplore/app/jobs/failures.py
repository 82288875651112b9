"""Error message of a failed child process."""

import re
import signal
from pathlib import Path

__all__ = ["BAD_INPUT", "failure_text"]

BAD_INPUT = 2
"""The exit code of a command that was asked for what cannot be."""


def failure_text(log: str, code: int | None, where: Path, told: str = "") -> str:
    """What went wrong in one or two sentences.

    Args:
        log: the child's stderr.
        code: its exit code, negative for a signal, None if unknown.
        where: the log's path.
        told: the error that the run itself recorded.
    """
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", log)
    lines = [line.strip("│╭╰─╮╯ \t\r") for line in plain.splitlines()]
    if code == BAD_INPUT:
        # The command line says it in one message after an empty line; one in a box was broken into
        # lines to fit a terminal.
        message = "\n".join(lines).strip().rpartition("\n\n")[2]
        return message.replace("\n", " ") if "│" in plain else message
    lines = [line for line in lines if line]
    end = (
        f"It was ended by {signal.Signals(-code).name}, perhaps because memory ran out."
        if code is not None and code < 0
        else ""
    )
    reason = told or end or (lines[-1] if lines else "The process ended without a word.")
    return f"{reason.rstrip('.')}. The log is {where}." if where.exists() else reason
