"""Slices section: metrics per range or value of a catalogue column."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.compute import Compute
from daexplore.app.core.layout import sentences_html
from daexplore.app.core.session import show_errors
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.performance.section import SIZE, Section, figure_grid, html, notices, panes
from daexplore.app.tabs.performance.subjects import (
    RESAMPLES,
    EvaluatedRun,
    mode,
    predicted_class,
    subjects,
    unlabelled,
)
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.views.plots.slices import slice_points, slice_tables, summary_slices
from daexplore.views.style import domain_title

__all__ = [
    "LEAST",
    "METRICS",
    "SliceSection",
    "Slicing",
    "slice_columns",
    "sliced_metrics",
    "slicing",
]


LEAST = 10
"""Galaxies below which a slice is too small for a number."""
METRICS = {
    "accuracy": "accuracy",
    "recall": "recall",
    "precision": "precision",
    "f1": "F1",
    "auc": "ROC AUC",
    "brier": "Brier score",
    "called": "share predicted positive",
}
"""What can be shown of a slice; the last one needs no labels."""
_OWN = ("group_id", "domain", "split", "label")
_BINS = 5
_FEW = 8  # A whole number with no more values than this is a category.
_MOST = 12
_MISSING = "missing"
_cache: LRUCache[list[dict[str, Any]]] = LRUCache(256)


@dataclass(frozen=True, eq=False)
class Slicing:
    """How the galaxies on screen are parted by a column: the same slices in every run and domain.

    Attributes:
        column: which.
        names: of the slices in order; NaN and empty values are the last, "missing".
        of: sample_id -> position of its slice.
        note: what a reader has to know, e.g. that rare categories are joined.
        ordered: whether the slices are parts of a scale.
    """

    column: str
    names: tuple[str, ...]
    of: "pd.Series[Any]"
    note: str
    ordered: bool

    def rows(self, sample_ids: NDArray[Any]) -> NDArray[np.int64]:
        """(n,) slice of each galaxy, -1 if it is in none."""
        return np.asarray(self.of.reindex(sample_ids).fillna(-1), np.int64)


def slice_columns(found: Sequence[EvaluatedRun]) -> list[str]:
    """Catalogue columns of the runs on screen with more than one value among their evaluated
    galaxies, in the order of the tables.
    """
    names: dict[str, None] = {}
    for subject in found:
        samples = subject.run.samples
        for name in samples.columns:
            if (
                name not in _OWN
                and str(name) not in names
                and samples[name].reindex(subject.evaluation.sample_ids).nunique() > 1
            ):
                names[str(name)] = None
    return list(names)


def slicing(found: Sequence[EvaluatedRun], column: str, split: str) -> Slicing:
    """Parts the evaluated galaxies of a split, both domains and all runs together.

    Numbers go into bins of equally many galaxies, unless there are few different ones; everything
    else goes by its value, of which only the most frequent have a slice of their own.

    Raises:
        InputError: no run on screen has the column.
    """
    parts = [
        subject.run.samples[column].reindex(
            subject.evaluation.sample_ids[subject.evaluation.mask(split=split)]
        )
        for subject in found
        if column in subject.run.samples
    ]
    if not parts:
        raise InputError(
            f"No run on screen has a catalogue column {column!r}; there are"
            f" {', '.join(slice_columns(found)) or 'none'}."
        )
    values = pd.concat(parts)
    values = values[~values.index.duplicated()]
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numeric:
        values = values.astype("Float64").replace([np.inf, -np.inf], pd.NA)
        whole = bool((values.dropna() % 1 == 0).all())
        if not (whole and values.nunique() <= _FEW):
            return _binned(values, column)
    return _by_value(values, column, numeric)


def _binned(values: "pd.Series[Any]", column: str) -> Slicing:
    bins = pd.qcut(values, _BINS, duplicates="drop", precision=3)
    names = [f"{_number(part.left)} to {_number(part.right)}" for part in bins.cat.categories]
    # The first bin begins at the smallest value, which pandas writes a little below it.
    names[0] = f"{_number(float(values.min()))} to {_number(bins.cat.categories[0].right)}"
    return _made(
        bins.cat.codes.astype(np.int64),
        names,
        column,
        f"{len(names)} bins of equally many galaxies",
        ordered=True,
    )


def _by_value(values: "pd.Series[Any]", column: str, numeric: bool) -> Slicing:
    text = values.map(
        lambda value: f"{value:g}" if numeric else str(value).strip(), na_action="ignore"
    )
    text = text.mask((text == "").fillna(True).astype(bool))
    counts = text.value_counts()
    kept = list(counts.index[:_MOST])
    kept.sort(
        key=(lambda name: (float(name), name)) if numeric else (lambda name: (0.0, str(name)))
    )
    names, note = [str(name) for name in kept], f"{len(kept)} of {len(counts)} different values"
    codes = text.map({name: place for place, name in enumerate(kept)}).astype("Float64")
    if len(counts) > _MOST:
        codes = codes.mask(codes.isna() & text.notna(), len(names))
        names.append(f"{len(counts) - _MOST} others")
        note += (
            f"; the {len(counts) - _MOST} rarer ones, {int((codes == len(names) - 1).sum())}"
            " images, are joined"
        )
    return _made(codes.fillna(-1).astype(np.int64), names, column, note, ordered=numeric)


def _made(
    codes: "pd.Series[Any]", names: list[str], column: str, note: str, ordered: bool
) -> Slicing:
    if (codes < 0).any():
        codes = codes.where(codes >= 0, len(names))
        names = [*names, _MISSING]
    return Slicing(column, tuple(names), codes, note, ordered)


def sliced_metrics(
    found: Sequence[EvaluatedRun], parts: Slicing, split: str, threshold: float, metric: str
) -> pd.DataFrame:
    """One row for each run, domain and slice.

    Returns:
        Columns run, domain, slice (its name), place (its position), value, low, high (95%, galaxies
        resampled), n (images counted: the labelled ones, or all for "called"), galaxies (different
        ones among them), small (fewer than ``LEAST``: no value then).
    """
    rows: list[dict[str, Any]] = []
    for domain in DOMAINS:
        for subject in found:
            key = (
                *subject.key,
                domain,
                split,
                threshold,
                metric,
                parts.column,
                parts.names,
                tuple(each.key for each in found),
            )
            rows += _cache.get(
                key, partial(_sliced, subject, parts, domain, split, threshold, metric)
            )
    return pd.DataFrame(
        rows,
        columns=[
            "run",
            "domain",
            "slice",
            "place",
            "value",
            "low",
            "high",
            "n",
            "galaxies",
            "small",
        ],
    )


def _sliced(
    subject: EvaluatedRun, parts: Slicing, domain: str, split: str, threshold: float, metric: str
) -> list[dict[str, Any]]:
    found, rows = subject.evaluation, []
    mask = subject.rows(domain, split, labelled=metric != "called")
    place = parts.rows(found.sample_ids)
    if not mask.any():
        return []
    for number, name in enumerate(parts.names):
        inside = mask & (place == number)
        galaxies = len(set(found.group_ids[inside]))
        small = galaxies < LEAST
        entry = (
            {"value": np.nan, "low": np.nan, "high": np.nan}
            if small
            else _entry(subject, inside, threshold, metric)
        )
        row = {
            "run": subject.name,
            "domain": domain,
            "slice": name,
            "place": number,
            "n": int(inside.sum()),
            "galaxies": galaxies,
        }
        rows.append(row | {"small": small} | {end: entry[end] for end in ("value", "low", "high")})
    return rows


def _entry(
    subject: EvaluatedRun, inside: NDArray[np.bool_], threshold: float, metric: str
) -> dict[str, float]:
    from daexplore.analysis.metrics.bootstrap import metrics_with_intervals, share_with_interval

    found, groups = subject.evaluation, subject.evaluation.group_ids[inside]
    if metric != "called":
        every = metrics_with_intervals(
            found.labels[inside],
            found.probabilities[inside],
            groups,
            RESAMPLES,
            threshold=threshold,
        )
        return every[metric]
    positive = predicted_class(subject, threshold)[inside] == 1
    return share_with_interval(positive, groups, RESAMPLES)


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.4g}"


_CAPTION = (
    f"<p class='caption'>Bars: 95% intervals by resampling galaxies. A slice of fewer than {LEAST}"
    " galaxies is too small for a number. Looking at many slices finds some bad ones by chance:"
    " believe what both the interval and a second run show.</p>"
)
_Result = tuple[Slicing, pd.DataFrame]


class SliceSection(Section):
    """One frame a domain and the same numbers as tables."""

    def __init__(self, state: ExplorerState, service: Compute) -> None:
        super().__init__(state, service)
        look: dict[str, Any] = {"size": "small", "margin": (8, 0, 0, 0), "width": 240}
        self._column = pmui.Select(label="Catalogue column", options=[], searchable=True, **look)
        self._metric = pmui.Select(label="Metric", options=_metrics(()), value="accuracy", **look)
        for widget in (self._column, self._metric):
            widget.param.watch(show_errors(state, self._chosen), "value")
        self._offering = False
        self._hints, self._tables, self._board = html(), html(), figure_grid()
        bar = pn.Row(self._column, self._metric, margin=0, styles={"gap": "16px"})
        self.view.objects = [
            bar,
            self._hints,
            self._board,
            self._summary,
            self._tables,
            html(_CAPTION),
        ]

    def choices(self) -> tuple[Any, ...]:
        """Column and metric."""
        return self._column.value, self._metric.value

    def draw(self) -> None:
        """The slices, once they are computed."""
        state, found = self._state, subjects(self._state)
        self._threshold = state.threshold
        self._offer(found)
        column, metric = self._column.value, self._metric.value
        if column is None:
            self._hints.object = notices(
                ["The catalogues of these runs have no column by which galaxies could be parted."]
            )
            self._board.objects, self._tables.object, self._summary.object = [], "", ""
            return
        if not self._board.objects:
            self._hints.object = "<p class='hint'>Computing …</p>"
        work = partial(_compute, found, column, state.split, state.threshold, metric)
        self._compute.submit(
            self, work, then=partial(self._arrived, found, metric, state.split, state.threshold)
        )

    def on_threshold_settled(self) -> None:
        """The same at the new threshold."""
        self.draw()

    def _offer(self, found: list[EvaluatedRun]) -> None:
        columns = slice_columns(found)
        value = self._column.value if self._column.value in columns else next(iter(columns), None)
        self._offering = True
        try:
            self._column.param.update(options=columns, value=value)
            self._metric.options = _metrics(found[0].run.classes if found else ())
        finally:
            self._offering = False
        self._drawn = self._key()

    def _chosen(self, _: Any) -> None:
        if not self._offering:
            self.show()

    def _arrived(
        self, found: list[EvaluatedRun], metric: str, split: str, threshold: float, result: _Result
    ) -> None:
        parts, rows = result
        labelled = metric != "called"
        words = next(name for name, value in self._metric.options.items() if value == metric)
        self._hints.object = notices(unlabelled(found, split, threshold)) if labelled else ""
        names, rule = [subject.name for subject in found], mode(found, threshold)
        makers = {
            f"slices-{domain}": partial(
                _plot, domain, parts, rows, words, f"{split}, {rule}", names, labelled
            )
            for domain in DOMAINS
            if (rows["domain"] == domain).any()
        }
        self.figures(makers, self._show)
        about: dict[str, Any] = {
            "metric": words,
            "column": parts.column,
            "split": split,
            "labelled": labelled,
        }
        self._summary.object = sentences_html(
            f"{summary_slices(rows, **about)} Slices: {parts.note}, the same in all runs and both"
            " domains."
        )
        self._tables.object = slice_tables(rows, **about)

    def _show(self, figures: list[Any]) -> None:
        self._board.objects = panes(figures)


def _plot(
    domain: str,
    parts: Slicing,
    rows: pd.DataFrame,
    metric: str,
    what: str,
    names: list[str],
    labelled: bool,
) -> hv.Overlay:
    title = f"{domain_title(domain).capitalize() if labelled else domain.capitalize()}, {what}"
    look: dict[str, Any] = {"title": title, "ordered": parts.ordered, "legend": "top", "size": SIZE}
    return slice_points(
        rows[rows["domain"] == domain], metric=metric, column=parts.column, runs=names, **look
    )


def _compute(
    found: list[EvaluatedRun], column: str, split: str, threshold: float, metric: str
) -> _Result:
    parts = slicing(found, column, split)
    return parts, sliced_metrics(found, parts, split, threshold, metric)


def _metrics(classes: tuple[str, ...]) -> dict[str, str]:
    """How the metrics are offered, with the name of the class that counts as positive."""
    positive = classes[1] if len(classes) > 1 else "positive"
    return {words.replace("positive", positive): name for name, words in METRICS.items()}
