"""State of one page: runs, epoch, view, threshold, galaxy and selection."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import param

from daexplore.app.catalogue_columns import COLUMN, column_values, columns_of, parse_filter
from daexplore.app.default_runs import default_runs
from daexplore.app.dial_setting import Dial
from daexplore.config import DEFAULT_METHODS
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore
from daexplore.runs.selections import Selection, Selections

__all__ = ["EXAMPLES", "MAX_RUNS", "ExplorerState"]

MAX_RUNS = 4
EXAMPLES = Path(__file__).parents[1] / "examples"
"""Finished runs that come with the package."""

_DISPLAYED = {"epoch", "view", "split", "domains", "colour", "threshold", "pair", "dial"}


def _digest(run: Run) -> tuple[Any, ...]:
    """What the panels show of a run; its last line is the file of its newest outputs, which a
    resumed run writes again.
    """
    outputs = (
        run.path / "evaluations" / f"epoch={max(run.evaluated, default=0):04d}" / "outputs.parquet"
    )
    return (
        run.status,
        tuple(run.evaluated),
        run.selected_epoch,
        outputs.stat().st_mtime_ns if outputs.exists() else None,
    )


class ExplorerState(param.Parameterized):
    """One user's choices. Every session makes its own; nothing here is shared.

    Fields are read-only: they change through the methods below, which state the intent.
    ``app/README.md`` lists who reacts to each.

    ``epoch`` None means each run's own selected epoch; a number is clipped to what each run
    has evaluated.

    Args:
        root: folder of runs.
        examples: folder of runs to show while that one has none.
    """

    run_ids = param.List(
        default=[],
        item_type=str,
        bounds=(0, MAX_RUNS),
        constant=True,
        doc="runs side by side, by id",
    )
    epoch = param.Integer(
        default=None,
        allow_None=True,
        bounds=(0, None),
        constant=True,
        doc="one epoch for all runs; None: each run's selected one",
    )
    tab = param.String(default="Compare", constant=True, doc="name of the tab on screen")
    view: Any = param.Selector(
        default="plane",
        objects=["plane", "pca", "umap", "aligned"],
        constant=True,
        doc="what the panels show",
    )
    split: Any = param.Selector(
        default="test",
        objects=["test", "validation"],
        constant=True,
        doc="which held-out galaxies are shown",
    )
    domains: Any = param.Selector(
        default="both",
        objects=["both", "source", "target"],
        constant=True,
        doc="which domains are shown",
    )
    colour = param.String(
        default="domain",
        constant=True,
        doc="what the hue of a point means: domain, probability, witness or column:<name>",
    )
    threshold = param.Number(
        default=0.5,
        bounds=(0.01, 0.99),
        constant=True,
        doc="probability beyond which a galaxy counts as of the pair's second class",
    )
    pair = param.NumericTuple(
        default=(0, 1), length=2, constant=True, doc="the two Class pair of the boundary"
    )
    galaxy = param.String(
        default=None, allow_None=True, constant=True, doc="sample_id of the tapped galaxy"
    )
    selection_name = param.String(
        default="",
        constant=True,
        doc="name under which the selection was saved; empty if it was not",
    )
    galaxy_reason = param.String(
        default="", constant=True, doc="how ``galaxy`` was chosen, if the user did not choose it"
    )
    dial: Any = param.ClassSelector(
        default=Dial(), class_=Dial, constant=True, doc="perturbation and level of the tab What-if"
    )
    selection = param.ClassSelector(
        default=None,
        class_=frozenset,
        allow_None=True,
        constant=True,
        doc="sample_ids picked by lasso, filter or name",
    )
    filter = param.String(
        default="",
        constant=True,
        doc=(
            "the column filter behind the selection, as ``parse_filter`` reads it; empty for a"
            " lasso"
        ),
    )
    chosen = param.Boolean(
        default=False,
        constant=True,
        doc="whether the user picked the runs, so that new ones no longer join by themselves",
    )
    dark = param.Boolean(default=False, constant=True, doc="whether the page is dark")
    alert = param.String(default="", constant=True, doc="what went wrong, in a sentence")
    training = param.Boolean(
        default=False,
        constant=True,
        doc=(
            "whether the first page shows trainings, and stays until they end or the user leaves it"
        ),
    )
    show_welcome = param.Boolean(
        default=False,
        constant=True,
        doc="whether the first page is asked for although there is something to compare",
    )
    revision = param.Integer(
        default=0, constant=True, doc="counts the changes seen in the runs folder"
    )
    progress = param.Integer(
        default=0, constant=True, doc="counts the changes seen in the runs on screen"
    )

    def __init__(
        self, root: str | Path, examples: str | os.PathLike[str] | None = None, **params: Any
    ) -> None:
        super().__init__(**params)  # type: ignore[no-untyped-call]
        self.store = RunStore(root)
        self._examples = None if examples is None else RunStore(Path(examples))
        self._digests: dict[str, tuple[Any, ...]] = {}
        self._updates: dict[str, Any] = {}
        self._damage: list[tuple[Path, str]] = []
        self.refresh()

    def _change(self, **values: Any) -> None:
        with param.edit_constant(self):
            self.param.update(**values)

    def snapshot(self) -> "ExplorerState":
        """What this state is now, for a thread: it stays so when the user goes elsewhere. The
        folder and its runs are shared.
        """
        taken = ExplorerState.__new__(ExplorerState)
        param.Parameterized.__init__(taken, **self.param.values())  # type: ignore[no-untyped-call]
        taken.store, taken._examples = self.store, self._examples
        return taken

    @property
    def root(self) -> Path:
        """The runs folder."""
        return self.store.root

    @property
    def all_runs(self) -> list[Run]:
        """Every readable run, newest first, as of the last ``refresh``; the examples where the
        folder has nothing to show.
        """
        return (
            self.store.runs() if self._examples is None or self.user_runs else self._examples.runs()
        )

    @property
    def example(self) -> bool:
        """Whether the runs are the package's own, since the folder has none."""
        return self._examples is not None and bool(self._examples.runs()) and not self.user_runs

    @property
    def damaged(self) -> list[tuple[Path, str]]:
        """Folders that look like runs and cannot be read, with the reason."""
        return self.store.damaged()

    @property
    def user_runs(self) -> list[Run]:
        """The runs of the folder itself that have something to show, newest first."""
        return [run for run in self.store.runs() if run.evaluated]

    @property
    def evaluated_runs(self) -> list[Run]:
        """The runs that have something to show, newest first."""
        return [run for run in self.all_runs if run.evaluated]

    @property
    def runs(self) -> list[Run]:
        """The runs side by side, in the order they were chosen; ids that are gone are left out."""
        known = {run.id: run for run in self.evaluated_runs}
        return [known[run_id] for run_id in self.run_ids if run_id in known]

    @property
    def epochs(self) -> list[int]:
        """Every epoch that at least one run on screen has evaluated."""
        return sorted({epoch for run in self.runs for epoch in run.evaluated})

    @property
    def colours(self) -> list[str]:
        """What ``colour`` may be for the runs on screen."""
        return [
            "domain",
            "probability",
            "witness",
            *(f"{COLUMN}{name}" for name in columns_of(self.runs)),
        ]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of the first run on screen."""
        return tuple(self.runs[0].classes) if self.runs else ()

    def epoch_of(self, run: Run) -> int:
        """The epoch at which ``run`` is shown: its selected one, or the last evaluated that is not
        after the slider's.

        Raises:
            InputError: the run has evaluated nothing.
        """
        selected = run.selected_epoch
        if selected is None:
            raise InputError(
                f"Run {run.id} has no evaluated epoch yet; wait for its first one or choose another"
                " run."
            )
        if self.epoch is None:
            return selected
        return max(
            (epoch for epoch in run.evaluated if epoch <= self.epoch), default=min(run.evaluated)
        )

    def label(self, run: Run) -> str:
        """A run's label, distinguished by the time it was started if another run in the folder has
        the same.
        """
        alike = [other for other in self.all_runs if other.label == run.label]
        if len(alike) < 2:
            return run.label
        started = str(run.info["created"])
        unique = sum(str(other.info["created"]) == started for other in alike) < 2
        return f"{run.label} · {started[5:19].replace('T', ' ') if unique else run.id}"

    def set_runs(self, run_ids: Iterable[str]) -> None:
        """Put these runs side by side because the user asked for them; at most ``MAX_RUNS``,
        unknown ids are left out and named.
        """
        wanted = list(dict.fromkeys(run_ids))
        known = {run.id for run in self.evaluated_runs}
        unknown = [run_id for run_id in wanted if run_id not in known]
        kept = [run_id for run_id in wanted if run_id in known]
        if unknown:
            self.warn(f"{self.root} has no evaluated run {unknown[0]!r}; it was left out.")
        elif len(kept) > MAX_RUNS:
            self.warn(
                f"{len(kept)} runs were asked for; the first {MAX_RUNS} are shown, more do not fit"
                " side by side."
            )
        self._change(run_ids=kept[:MAX_RUNS], chosen=True)

    def select(self, sample_ids: frozenset[str] | None) -> None:
        """Select these galaxies; None selects none."""
        self._change(selection=sample_ids, filter="", selection_name="")

    def select_where(self, text: str) -> None:
        """Select the galaxies for which a column filter holds, in all runs on screen; "" selects
        none.

        Raises:
            InputError: no such filter or column, or no galaxy fulfils it.
        """
        if not text or not self.runs:
            self.select(None)
            return
        wanted = parse_filter(text)
        found: set[str] = set()
        for run in self.runs:
            ids = run.evaluation(self.epoch_of(run)).sample_ids
            found.update(ids[wanted.mask(column_values(run, ids, wanted.column))].tolist())
        if not found:
            raise InputError(f"No evaluated galaxy has {wanted}; choose a wider range.")
        self._change(selection=frozenset(found), filter=str(wanted), selection_name="")

    def select_named(self, name: str) -> Selection:
        """Select the galaxies that were saved under a name.

        Raises:
            InputError: there is no such selection, or its file is damaged.
        """
        saved = Selections(self.root).load(name)
        self._change(selection=frozenset(saved.sample_ids), filter="", selection_name=saved.name)
        return saved

    def name_selection(self, name: str) -> None:
        """Record the name under which the selection was saved."""
        self._change(selection_name=name)

    def select_galaxy(self, sample_id: str | None, reason: str = "") -> None:
        """Select one galaxy; ``reason`` states how it was chosen where the user did not choose
        it.
        """
        self._change(galaxy=sample_id, galaxy_reason=reason)

    def show(self, **choices: Any) -> None:
        """Change what is displayed: ``epoch``, ``view``, ``split``, ``domains``, ``colour``,
        ``threshold``, ``pair`` or ``dial``.

        Raises:
            TypeError: another name.
            ValueError: a value that the parameter does not allow.
        """
        if not choices.keys() <= _DISPLAYED:
            raise TypeError(
                f"show() takes {', '.join(sorted(_DISPLAYED))}; got {', '.join(sorted(choices))}"
            )
        self._change(**choices)

    def open_tab(self, name: str) -> None:
        """Bring a tab to the screen."""
        self._change(tab=name)

    def warn(self, text: str) -> None:
        """Show a message as an alert, in place of the one before; "" shows none."""
        self._change(alert=text)

    def set_dark(self, dark: bool) -> None:
        """Record whether the page is dark."""
        self._change(dark=dark)

    def set_training(self, training: bool) -> None:
        """Record whether the first page shows trainings."""
        self._change(training=training)

    def open_welcome(self, shown: bool) -> None:
        """Ask for the first page, or leave it."""
        self._change(show_welcome=shown)

    def refresh(self) -> bool:
        """Look at the runs folder: new, changed or removed runs arrive, and a running run's newest
        epoch is followed.

        Costs a few ``stat`` a run when nothing changed.

        Returns:
            Whether anything changed.
        """
        last = max(self.epochs, default=None)
        self.store.refresh()
        digests = {run.id: _digest(run) for run in self.all_runs}
        updates = {run.id: run.info.get("updated") for run in self.all_runs}
        changed = {
            run_id
            for run_id in {*digests, *self._digests}
            if digests.get(run_id) != self._digests.get(run_id)
        }
        if not changed and updates == self._updates and self.damaged == self._damage:
            return False
        self._digests, self._updates, self._damage = digests, updates, self.damaged
        shown = set(self.run_ids)
        self._follow(last)
        self._change(revision=self.revision + 1, progress=self.progress + bool(changed & shown))
        return True

    def _follow(self, last: int | None) -> None:
        known = {run.id for run in self.all_runs}
        if self.run_ids and not known.intersection(self.run_ids):
            # All are gone, as the examples are when the folder's first run arrives: start again.
            self._change(run_ids=[], chosen=False, epoch=None)
        if not self.chosen:
            # Of the examples the first seed has epochs to play.
            offered = (
                sorted(self.all_runs, key=lambda run: run.seed) if self.example else self.all_runs
            )
            # Runs only join by themselves: selected runs are never replaced while the
            # user looks at them.
            joined = [
                *self.run_ids,
                *(run_id for run_id in default_runs(offered) if run_id not in self.run_ids),
            ]
            if len(self.run_ids) < len(DEFAULT_METHODS):
                self._change(run_ids=self._in_order(joined)[: len(DEFAULT_METHODS)])
        newest = max(self.epochs, default=None)
        if self.epoch is not None and newest is not None and last == self.epoch and newest > last:
            self._change(epoch=newest)

    @param.depends("run_ids", watch=True)
    def _keep_pair(self) -> None:
        if self.classes and max(self.pair) >= len(self.classes):
            self._change(pair=(0, 1))

    def _in_order(self, run_ids: list[str]) -> list[str]:
        methods = {run.id: run.method for run in self.all_runs}
        rank = {method: i for i, method in enumerate(DEFAULT_METHODS)}
        return sorted(
            (run_id for run_id in run_ids if run_id in methods),
            key=lambda run_id: rank.get(methods[run_id], len(rank)),
        )
