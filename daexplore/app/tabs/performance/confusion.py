"""Confusion section: matrices at a threshold, as counts and shares per true class."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.compute import Compute
from daexplore.app.core.layout import sentences_html
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.performance.section import Section, html
from daexplore.app.tabs.performance.subjects import (
    RESAMPLES,
    EvaluatedRun,
    mode,
    predicted_class,
    subjects,
)
from daexplore.domains import DOMAINS
from daexplore.views.plots.confusion import UNLABELLED, confusion_tables, summary_confusion

__all__ = ["ConfusionSection", "confusions", "with_intervals"]

_CAPTION = (
    "<p class='caption'>Each cell: how many images, and their share of the true class (its row)"
    " with a 95% interval by resampling galaxies, which follows on release of the threshold. Cells"
    " on the diagonal, where the prediction is right, have a frame.</p>"
)


class ConfusionSection(Section):
    """Counts follow the slider; intervals arrive once it rests."""

    def __init__(self, state: ExplorerState, service: Compute) -> None:
        super().__init__(state, service)
        self._subjects: list[EvaluatedRun] = []
        self._tables = html()
        self.view.objects = [self._tables, self._summary, html(_CAPTION)]

    def draw(self) -> None:
        """The matrices, then their intervals."""
        self._subjects = subjects(self._state)
        self.on_threshold_drag()
        self.on_threshold_settled()

    def on_threshold_drag(self) -> None:
        """The counts."""
        self._show(confusions(self._subjects, self._state.split, self._state.threshold))

    def on_threshold_settled(self) -> None:
        """The intervals."""
        super().on_threshold_settled()
        found, split, threshold = self._subjects, self._state.split, self._state.threshold
        self._compute.submit(
            self,
            with_intervals,
            found,
            split,
            threshold,
            then=partial(self._arrived, threshold),
        )

    def _arrived(self, threshold: float, cells: pd.DataFrame) -> None:
        if threshold == self._state.threshold:
            self._show(cells)

    def _show(self, cells: pd.DataFrame) -> None:
        state = self._state
        self._tables.object = confusion_tables(cells, state.split)
        self._summary.object = sentences_html(
            summary_confusion(cells, mode(self._subjects, state.threshold), state.split)
        )


_weights: LRUCache[NDArray[np.float64]] = LRUCache(4)
_COLUMNS = ["run", "domain", "true", "called", "count", "share", "n", "low", "high"]


def confusions(found: Sequence[EvaluatedRun], split: str, threshold: float) -> pd.DataFrame:
    """One row a cell. Cheap enough to follow a slider: some hundred microseconds a matrix.

    Returns:
        Columns run, domain, true (class name, or ``UNLABELLED``), called (class name), count, share
        (of the galaxies of that true class; NaN where there is none), n (images of the matrix), low
        and high (NaN: see :func:`with_intervals`). Rows of classes that do not occur are there too,
        but the row of unlabelled galaxies only if there are some.
    """
    from daexplore.analysis.metrics.classification import confusion

    rows: list[dict[str, Any]] = []
    for domain in DOMAINS:
        for subject in found:
            mask, classes = subject.rows(domain, split, labelled=False), subject.run.classes
            if not mask.any():
                continue
            labels, calls = (
                subject.evaluation.labels[mask],
                predicted_class(subject, threshold)[mask],
            )
            counts = (
                confusion(labels, calls, len(classes))
                if (labels >= 0).any()
                else np.zeros((0, len(classes)), np.int64)
            )
            names = list(classes[: len(counts)])
            if (labels < 0).any():
                counts = np.vstack([counts, np.bincount(calls[labels < 0], minlength=len(classes))])
                names.append(UNLABELLED)
            for true, line in zip(names, counts, strict=True):
                total = int(line.sum())
                rows += [
                    {
                        "run": subject.name,
                        "domain": domain,
                        "true": true,
                        "called": name,
                        "count": int(count),
                        "share": count / total if total else np.nan,
                        "n": int(mask.sum()),
                        "low": np.nan,
                        "high": np.nan,
                    }
                    for name, count in zip(classes, line, strict=True)
                ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def with_intervals(found: Sequence[EvaluatedRun], split: str, threshold: float) -> pd.DataFrame:
    """The same with a 95% interval of each share, by resampling galaxies; Wilson's where a whole
    row is called alike.
    """
    table = confusions(found, split, threshold)
    by_name = {subject.name: subject for subject in found}
    ends = [
        _ends(
            by_name[str(run)],
            str(domain),
            split,
            threshold,
            cells["true"].tolist(),
            cells["called"].tolist(),
        )
        for (run, domain), cells in table.groupby(["run", "domain"], sort=False)
    ]
    if ends:
        # Cells of one matrix are together, in the order they arrived.
        table[["low", "high"]] = np.concatenate(ends)
    return table


def _ends(
    subject: EvaluatedRun,
    domain: str,
    split: str,
    threshold: float,
    true: list[str],
    names: list[str],
) -> NDArray[np.float64]:
    from daexplore.analysis.metrics.bootstrap import group_weights

    mask = subject.rows(domain, split, labelled=False)
    groups, labels, calls = (
        subject.evaluation.group_ids[mask],
        subject.evaluation.labels[mask],
        predicted_class(subject, threshold)[mask],
    )
    weights = _weights.get((*subject.key, domain, split), partial(group_weights, groups, RESAMPLES))
    classes = list(subject.run.classes)
    rows = np.array(
        [labels == (-1 if name == UNLABELLED else classes.index(name)) for name in true]
    )
    cells = rows & np.array([calls == classes.index(name) for name in names])
    total = weights @ rows.T
    share = np.divide(weights @ cells.T, total, out=np.full(total.shape, np.nan), where=total > 0)
    return np.array(
        [
            _interval(share[:, place], cells[place], rows[place], groups)
            for place in range(len(rows))
        ]
    )


def _interval(
    drawn: NDArray[np.float64],
    cell: NDArray[np.bool_],
    row: NDArray[np.bool_],
    groups: NDArray[Any],
) -> tuple[float, float]:
    from daexplore.analysis.metrics.intervals import FEWEST, share_interval

    if not row.any():
        return float("nan"), float("nan")
    hits, misses = (len(set(groups[row & each])) for each in (cell, ~cell))
    if min(hits, misses) < FEWEST:
        return share_interval(float(cell[row].mean()), float(len(set(groups[row]))))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)
