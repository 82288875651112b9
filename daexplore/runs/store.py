"""The runs in a folder, newest first, and those that cannot be read, with the reason."""

from pathlib import Path

from daexplore.errors import InputError
from daexplore.runs.run import Run

__all__ = ["RunStore", "find_runs"]


class RunStore:
    """Runs below one folder. Reads only run.json of each; ``refresh`` looks again, and keeps the
    Run objects it has given out.

    Args:
        root: the folder; it need not exist yet.

    Raises:
        InputError: ``root`` is a file.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise InputError(
                f"{self.root} is a file; expected a folder of runs. Give the folder that training"
                " wrote to."
            )
        self._runs: dict[Path, Run] = {}
        self._damaged: list[tuple[Path, str]] = []
        self._scanned = False

    def refresh(self) -> bool:
        """Look for new, changed and removed runs; True if there are any."""
        before = (set(self._runs), self._damaged)
        runs: dict[Path, Run] = {}
        damaged: list[tuple[Path, str]] = []
        changed = False
        for folder in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            # Runs being created have a name with a leading dot; other folders without any of a
            # run's files are none of ours.
            if folder.name.startswith(".") or not (
                (folder / "run.json").exists() or (folder / "samples.parquet").exists()
            ):
                continue
            try:
                run = self._runs.get(folder)
                if run is None or run.reload():
                    run = run or Run(folder)
                    run.check()
                    changed = True
                runs[folder] = run
            except InputError as error:
                damaged.append((folder, str(error)))
        self._runs, self._damaged, self._scanned = runs, damaged, True
        return changed or before != (set(runs), damaged)

    def runs(self) -> list[Run]:
        """The readable runs as of the last refresh, newest first."""
        self._ensure()
        return sorted(
            self._runs.values(), key=lambda run: (str(run.info["created"]), run.id), reverse=True
        )

    def damaged(self) -> list[tuple[Path, str]]:
        """Folders that look like runs but cannot be read, each with the reason."""
        self._ensure()
        return list(self._damaged)

    def get(self, run_id: str) -> Run:
        """The run of this id, or of the only id that begins so.

        Raises:
            InputError: there is none, or several.
        """
        self.refresh()
        found = [run for run in self.runs() if run.id == run_id] or [
            run for run in self.runs() if run_id and run.id.startswith(run_id)
        ]
        if len(found) == 1:
            return found[0]
        reason = next((reason for path, reason in self._damaged if path.name == run_id), None)
        if reason:
            raise InputError(f"Run {run_id} is damaged: {reason}")
        names = ", ".join(run.id for run in found or self.runs()) or "none"
        raise InputError(
            f"{'Several runs begin' if found else 'No run begins'} with {run_id!r} in {self.root}:"
            f" {names}. Give one whole id."
        )

    def _ensure(self) -> None:
        if not self._scanned:
            self.refresh()


def find_runs(path: str | Path) -> list[Run]:
    """The run at ``path``, or the readable runs in that folder, by id.

    Raises:
        InputError: ``path`` is neither a run nor a folder.
    """
    path = Path(path)
    if (path / "run.json").is_file() or not path.is_dir():
        return [Run(path)]
    return sorted(RunStore(path).runs(), key=lambda run: run.id)
