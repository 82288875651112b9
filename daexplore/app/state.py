"""What one visitor looks at: runs, epoch, view, threshold, galaxy and selection. Knows nothing of the screen."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import param

from daexplore.errors import InputError
from daexplore.runs import Run, RunStore

__all__ = ["MAX_RUNS", "ExplorerState", "default_runs"]

MAX_RUNS = 4
_TRIO = ("noda", "mmd", "dann")


def default_runs(runs: Sequence[Run]) -> list[str]:
    """The ids to open with: the latest noDA, MMD and DANN that saw the newest run's galaxies; if there is none of them, the latest three.

    Args:
        runs: newest first.
    """
    usable = [run for run in runs if run.evaluated]
    if not usable:
        return []
    same_data = [run for run in usable if fingerprints(run) == fingerprints(usable[0])]
    trio = [next((run for run in same_data if run.method == method), None) for method in _TRIO]
    chosen = [run for run in trio if run is not None]
    if len(chosen) < len(_TRIO):
        others = [run for run in same_data if run.method not in _TRIO]
        chosen += others[: len(_TRIO) - len(chosen)]
    return [run.id for run in chosen]


def fingerprints(run: Run) -> tuple[Any, Any]:
    """Which galaxies a run saw, source and target."""
    data = run.info.get("data", {})
    return data.get("source", {}).get("fingerprint"), data.get("target", {}).get("fingerprint")


def _digest(run: Run) -> tuple[Any, ...]:
    """What the panels show of a run; its last line is the file of its newest outputs, which a resumed run writes anew."""
    outputs = run.path / "evaluations" / f"epoch={max(run.evaluated, default=0):04d}" / "outputs.parquet"
    return run.status, tuple(run.evaluated), run.selected_epoch, outputs.stat().st_mtime_ns if outputs.exists() else None


class ExplorerState(param.Parameterized):
    """One visitor's choices. Every session makes its own; nothing here is shared.

    ``epoch`` None stands for each run's own selected epoch; a number is clipped to what each run has evaluated.
    """

    run_ids = param.List(default=[], item_type=str, bounds=(0, MAX_RUNS), doc="runs side by side, by id")
    epoch = param.Integer(default=None, allow_None=True, bounds=(0, None), doc="one epoch for all runs; None: each run's selected one")
    view: Any = param.Selector(default="plane", objects=["plane", "pca", "umap"], doc="what the panels show")
    split: Any = param.Selector(default="test", objects=["test", "validation"], doc="which held-out galaxies are shown")
    domains: Any = param.Selector(default="both", objects=["both", "source", "target"], doc="which domains are shown")
    colour: Any = param.Selector(default="domain", objects=["domain", "probability"], doc="what the colour of a point means")
    threshold = param.Number(default=0.5, bounds=(0.01, 0.99), doc="probability beyond which a galaxy counts as of the pair's second class")
    pair = param.NumericTuple(default=(0, 1), length=2, doc="the two classes either side of the boundary")
    galaxy = param.String(default=None, allow_None=True, doc="sample_id of the tapped galaxy")
    selection = param.ClassSelector(default=None, class_=frozenset, allow_None=True, doc="sample_ids inside the lasso")
    chosen = param.Boolean(default=False, doc="whether the visitor picked the runs, so that new ones no longer join by themselves")
    dark = param.Boolean(default=False, doc="whether the page is dark")
    alert = param.String(default="", doc="what went wrong, in a sentence")
    training = param.Boolean(default=False, doc="whether the first page shows trainings, and stays until they end or the visitor leaves it")
    revision = param.Integer(default=0, doc="counts the changes seen in the runs folder")
    progress = param.Integer(default=0, doc="counts the changes seen in the runs on screen")

    def __init__(self, root: str | Path, **params: Any) -> None:
        super().__init__(**params)  # type: ignore[no-untyped-call]
        self.store = RunStore(root)
        self._digests: dict[str, tuple[Any, ...]] = {}
        self._updates: dict[str, Any] = {}
        self._damage: list[tuple[Path, str]] = []
        self.refresh()

    @property
    def root(self) -> Path:
        """The runs folder."""
        return self.store.root

    @property
    def all_runs(self) -> list[Run]:
        """Every readable run, newest first, as of the last ``refresh``."""
        return self.store.runs()

    @property
    def damaged(self) -> list[tuple[Path, str]]:
        """Folders that look like runs and cannot be read, with the reason."""
        return self.store.damaged()

    @property
    def usable(self) -> list[Run]:
        """The runs that have something to show, newest first."""
        return [run for run in self.all_runs if run.evaluated]

    @property
    def runs(self) -> list[Run]:
        """The runs side by side, in the order they were chosen; ids that are gone are left out."""
        known = {run.id: run for run in self.usable}
        return [known[run_id] for run_id in self.run_ids if run_id in known]

    @property
    def epochs(self) -> list[int]:
        """Every epoch that at least one run on screen has evaluated."""
        return sorted({epoch for run in self.runs for epoch in run.evaluated})

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of the first run on screen."""
        return tuple(self.runs[0].classes) if self.runs else ()

    def epoch_of(self, run: Run) -> int:
        """The epoch at which ``run`` is shown: its selected one, or the last evaluated that is not after the slider's.

        Raises:
            InputError: the run has evaluated nothing.
        """
        selected = run.selected_epoch
        if selected is None:
            raise InputError(f"Run {run.id} has no evaluated epoch yet; wait for its first one or choose another run.")
        if self.epoch is None:
            return selected
        return max((epoch for epoch in run.evaluated if epoch <= self.epoch), default=min(run.evaluated))

    def label(self, run: Run) -> str:
        """A run's label, told apart by the time it was started if another run in the folder has the same."""
        alike = [other for other in self.all_runs if other.label == run.label]
        if len(alike) < 2:
            return run.label
        started = str(run.info["created"])
        unique = sum(str(other.info["created"]) == started for other in alike) < 2
        return f"{run.label} · {started[5:19].replace('T', ' ') if unique else run.id}"

    def choose(self, run_ids: Iterable[str]) -> None:
        """Puts these runs side by side because the visitor asked for them; at most ``MAX_RUNS``, unknown ids are left out and named."""
        wanted = list(dict.fromkeys(run_ids))
        known = {run.id for run in self.usable}
        unknown = [run_id for run_id in wanted if run_id not in known]
        kept = [run_id for run_id in wanted if run_id in known]
        if unknown:
            self.alert = f"{self.root} has no evaluated run {unknown[0]!r}; it was left out."
        elif len(kept) > MAX_RUNS:
            self.alert = f"{len(kept)} runs were asked for; the first {MAX_RUNS} are shown, more do not fit side by side."
        self.param.update(run_ids=kept[:MAX_RUNS], chosen=True)

    def refresh(self) -> bool:
        """Looks at the runs folder: new, changed or removed runs come in, and a running run's newest epoch is followed.

        Costs a few ``stat`` a run when nothing changed.

        Returns:
            Whether anything changed.
        """
        last = max(self.epochs, default=None)
        self.store.refresh()
        digests = {run.id: _digest(run) for run in self.all_runs}
        updates = {run.id: run.info.get("updated") for run in self.all_runs}
        changed = {run_id for run_id in {*digests, *self._digests} if digests.get(run_id) != self._digests.get(run_id)}
        if not changed and updates == self._updates and self.damaged == self._damage:
            return False
        self._digests, self._updates, self._damage = digests, updates, self.damaged
        shown = set(self.run_ids)
        self._follow(last)
        self.param.update(revision=self.revision + 1, progress=self.progress + bool(changed & shown))
        return True

    def _follow(self, last: int | None) -> None:
        if not self.chosen:
            # Runs only join by themselves: what is being looked at is not exchanged under the visitor's eyes.
            joined = [*self.run_ids, *(run_id for run_id in default_runs(self.all_runs) if run_id not in self.run_ids)]
            if len(self.run_ids) < len(_TRIO):
                self.run_ids = self._in_order(joined)[: len(_TRIO)]
        newest = max(self.epochs, default=None)
        if self.epoch is not None and newest is not None and last == self.epoch and newest > last:
            self.epoch = newest

    @param.depends("run_ids", watch=True)
    def _keep_pair(self) -> None:
        if self.classes and max(self.pair) >= len(self.classes):
            self.pair = (0, 1)

    def _in_order(self, run_ids: list[str]) -> list[str]:
        methods = {run.id: run.method for run in self.all_runs}
        rank = {method: i for i, method in enumerate(_TRIO)}
        return sorted((run_id for run_id in run_ids if run_id in methods), key=lambda run_id: rank.get(methods[run_id], len(rank)))
