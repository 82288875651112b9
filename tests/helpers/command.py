"""The command line, run in the process of the test."""

import sys

from daexplore.cli import main


def call(monkeypatch, capsys, *arguments):
    """Exit code, standard output and standard error of a command run in this process."""
    monkeypatch.setattr(sys, "argv", ["daexplore", *map(str, arguments)])
    monkeypatch.setattr("signal.signal", lambda *given: None)
    try:
        main()
        code = 0
    except SystemExit as error:
        code = error.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err
