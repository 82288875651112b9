"""ROC and precision-recall sections: curves with bands and the threshold's point."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from bokeh.models import Scatter
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.compute import Compute
from daexplore.app.core.layout import sentences_html
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.performance.section import SIZE, Section, figure_grid, html, notices, panes
from daexplore.app.tabs.performance.subjects import RESAMPLES, EvaluatedRun, subjects, unlabelled
from daexplore.domains import DOMAINS
from daexplore.views.plots.precision_recall import (
    precision_recall_curves,
    summary_areas,
    summary_points,
)
from daexplore.views.plots.roc import roc_curves
from daexplore.views.style import domain_title

__all__ = [
    "CurveSection",
    "Ranking",
    "areas",
    "bands",
    "downsampled",
    "points",
    "precision_recall_section",
    "rankings",
    "roc_section",
]


Floats = NDArray[np.floating[Any]]
_cache: LRUCache["Ranking | None"] = LRUCache(128)
_GRID = np.linspace(0.01, 1, 100)
_STEPS = 600  # Finer than a figure's pixels.


@dataclass(frozen=True, eq=False)
class Ranking:
    """How one run's score of being of the pair's second class ranks a domain's labelled galaxies.

    Attributes:
        n: images counted.
        positive: share of them that are of the second class: the precision of calling at random.
        fpr: (m + 1,) false positive rate, rising; a point for each distinct score.
        tpr: (m + 1,) true positive rate, which is the recall.
        precision: (m + 1,) 1 at the first point, where nothing is called yet.
        thresholds: (m + 1,) falling, the first infinite.
        areas: "auc" and "ap", each with "value", "low", "high", "n".
        roc_band: columns fpr, low, high.
        precision_band: columns recall, low, high.
    """

    n: int
    positive: float
    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    precision: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    areas: dict[str, dict[str, float]]
    roc_band: pd.DataFrame
    precision_band: pd.DataFrame

    def at(self, threshold: float) -> dict[str, float]:
        """The rates of the decision ``score > threshold``: fpr, tpr, precision (NaN where nothing
        is called).
        """
        place = max(int(np.searchsorted(-self.thresholds, -threshold, side="left")) - 1, 0)
        precision = float(self.precision[place]) if place else float("nan")
        return {
            "fpr": float(self.fpr[place]),
            "tpr": float(self.tpr[place]),
            "precision": precision,
        }


def rankings(
    found: Sequence[EvaluatedRun], split: str, pair: tuple[int, int] = (0, 1)
) -> dict[tuple[str, str], Ranking]:
    """By (run, domain), the source's first; left out where a class is missing. For more than two
    classes only those of the pair count.
    """
    result = {}
    for domain in DOMAINS:
        for subject in found:
            ranking = _cache.get(
                (*subject.key, domain, split, pair), partial(_ranking, subject, domain, split, pair)
            )
            if ranking is not None:
                result[subject.name, domain] = ranking
    return result


def _ranking(
    subject: EvaluatedRun, domain: str, split: str, pair: tuple[int, int]
) -> Ranking | None:
    from daexplore.analysis.metrics.bootstrap import group_weights, roc_band
    from daexplore.analysis.metrics.classification import precision_recall, roc, weighted_auc

    found = subject.evaluation
    mask = subject.rows(domain, split) & np.isin(found.labels, pair)
    positive = found.labels[mask] == pair[1]
    if not positive.any() or positive.all():
        return None
    # Of two classes the very numbers that are compared with the threshold elsewhere: the last digit
    # decides where they are equal.
    score = (
        found.probabilities[:, pair[1]]
        if len(subject.run.classes) == 2
        else found.pair_probability(pair)
    )[mask]
    groups = found.group_ids[mask]
    curve, band = roc(positive, score), roc_band(positive, score, groups, RESAMPLES)
    weights = group_weights(groups, RESAMPLES)
    precision, average = precision_recall(curve, int(positive.sum()), int((~positive).sum()))
    drawn, low, high = _precision_draws(positive, score, weights)
    return Ranking(
        n=int(mask.sum()),
        positive=float(positive.mean()),
        fpr=curve.fpr,
        tpr=curve.tpr,
        precision=precision,
        thresholds=curve.thresholds,
        areas={
            "auc": _entry(curve.auc, weighted_auc(positive, score, weights), len(score)),
            "ap": _entry(average, drawn, len(score)),
        },
        roc_band=pd.DataFrame({"fpr": band.fpr, "low": band.low, "high": band.high}),
        precision_band=pd.DataFrame({"recall": _GRID, "low": low, "high": high}),
    )


def _precision_draws(
    positive: NDArray[np.bool_], score: Floats, weights: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(R,) average precision of each reweighting, and a pointwise 95% interval of the precision on
    the grid of recalls.

    The precision at a recall is that of the smallest set that reaches it: between points of a
    precision-recall curve a straight line would promise too much (Davis & Goadrich 2006, ICML,
    233), and the sum of these steps is the average precision.
    """
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    true, false = (
        np.cumsum(weights[:, order] * side[order], axis=1)[:, last]
        for side in (positive, ~positive)
    )
    usable = (true[:, -1] > 0) & (false[:, -1] > 0)
    true, false = true[usable], false[usable]
    precision = true / np.maximum(true + false, 1)
    recall = true / true[:, -1:]
    average = (np.diff(recall, axis=1, prepend=0.0) * precision).sum(axis=1)
    at = np.array([np.searchsorted(row, _GRID - 1e-9) for row in recall])
    low, high = np.quantile(np.take_along_axis(precision, at, axis=1), [0.025, 0.975], axis=0)
    return average, low, high


def _entry(value: float, drawn: NDArray[np.float64], n: int) -> dict[str, float]:
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high), "n": n}


def downsampled(found: dict[tuple[str, str], Ranking], x: str, y: str) -> pd.DataFrame:
    """The curves as a figure draws them: columns run, domain, n, auc, ap, threshold and the two
    axes.

    Of points that fall on the same pixel the first and the last are kept: the line looks the same
    and the page stays light.
    """
    frames = []
    for (run, domain), ranking in found.items():
        at = pd.DataFrame(
            {x: getattr(ranking, x), y: getattr(ranking, y), "threshold": ranking.thresholds}
        )
        pixel = np.rint(at[[x, y]].to_numpy() * _STEPS)
        step = (np.diff(pixel, axis=0) != 0).any(axis=1)
        kept = at[np.r_[True, step] | np.r_[step, True]]
        named = {
            "run": run,
            "domain": domain,
            "n": ranking.n,
            **{name: area["value"] for name, area in ranking.areas.items()},
        }
        frames.append(kept.assign(**named))
    return (
        pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame(columns=["run", "domain", "n", "auc", "ap", x, y, "threshold"])
    )


def bands(found: dict[tuple[str, str], Ranking], name: str) -> pd.DataFrame:
    """One of the bands, "roc_band" or "precision_band", of all curves, with columns run and
    domain.
    """
    frames = [
        getattr(ranking, name).assign(run=run, domain=domain)
        for (run, domain), ranking in found.items()
    ]
    return (
        pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame(columns=["run", "domain", "low", "high"])
    )


def areas(found: dict[tuple[str, str], Ranking], name: str) -> pd.DataFrame:
    """Areas under the curves, "auc" or "ap": columns run, domain, value, low, high, n."""
    rows = [
        {"run": run, "domain": domain, **ranking.areas[name]}
        for (run, domain), ranking in found.items()
    ]
    return pd.DataFrame(rows, columns=["run", "domain", "value", "low", "high", "n"])


def points(found: dict[tuple[str, str], Ranking], threshold: float) -> pd.DataFrame:
    """Points of each curve: columns run, domain, fpr, tpr, precision, threshold. A few
    microseconds a curve.
    """
    rows = [
        {"run": run, "domain": domain, **ranking.at(threshold), "threshold": threshold}
        for (run, domain), ranking in found.items()
    ]
    return pd.DataFrame(rows, columns=["run", "domain", "fpr", "tpr", "precision", "threshold"])


_BAND = "Bands hold 95% at each place, by resampling galaxies."
_Found = dict[tuple[str, str], Ranking]


def roc_section(state: ExplorerState, service: Compute) -> "CurveSection":
    """ROC curves."""
    return CurveSection(state, service, "roc")


def precision_recall_section(state: ExplorerState, service: Compute) -> "CurveSection":
    """Precision-recall curves."""
    return CurveSection(state, service, "precision-recall")


class CurveSection(Section):
    """The curves are drawn once; a drag of the threshold sends one point a curve.

    Args:
        state: what the user looks at.
        service: where bands are computed.
        kind: "roc" or "precision-recall".
    """

    def __init__(self, state: ExplorerState, service: Compute, kind: str) -> None:
        super().__init__(state, service)
        self._roc = kind == "roc"
        self._axes = ("fpr", "tpr") if self._roc else ("tpr", "precision")
        self._columns = ("fpr", "tpr") if self._roc else ("recall", "precision")
        self._subjects: list[EvaluatedRun] = []
        self._found: _Found = {}
        self._dots: dict[tuple[str, str], Any] = {}
        self._hints, self._points, self._board = html(), html(), figure_grid()
        self.view.objects = [self._hints, self._board, self._points, self._summary]

    def draw(self) -> None:
        """The curves, once they are computed."""
        state = self._state
        found, split, pair = subjects(state), state.split, (int(state.pair[0]), int(state.pair[1]))
        self._hints.object = "<p class='hint'>Computing …</p>"
        self._compute.submit(
            self, rankings, found, split, pair, then=partial(self._arrived, found, split)
        )

    def on_threshold_drag(self) -> None:
        """The points and what is said of them."""
        threshold = self._state.threshold
        table = points(self._found, threshold)
        across, up = self._axes
        for row in table.to_dict("records"):
            self._dots[row["run"], row["domain"]].data = {
                self._columns[0]: [row[across]],
                self._columns[1]: [row[up]],
            }
        self._points.object = sentences_html(summary_points(table, threshold, across, up))
        self._say_what_lacks()

    def _arrived(self, found: list[EvaluatedRun], split: str, ranked: _Found) -> None:
        curves = downsampled(ranked, *self._axes)
        band = bands(ranked, "roc_band" if self._roc else "precision_band")
        kind = "roc" if self._roc else "pr"
        makers = {
            f"{kind}-{domain}": partial(
                self._plot, domain, split, curves, band, ranked, [subject.name for subject in found]
            )
            for domain in DOMAINS
            if (curves["domain"] == domain).any()
        }
        self.figures(makers, partial(self._made, found, split, ranked))

    def _made(
        self, found: list[EvaluatedRun], split: str, ranked: _Found, figures: list[Any]
    ) -> None:
        self._subjects, self._found = found, ranked
        dots = [
            r.data_source
            for figure in figures
            for r in figure.renderers
            if isinstance(r.glyph, Scatter)
        ]
        self._dots = dict(zip(ranked, dots, strict=True))
        name, quantity = (
            ("auc", "Area under the ROC curve") if self._roc else ("ap", "Average precision")
        )
        self._summary.object = sentences_html(
            f"{summary_areas(areas(ranked, name), quantity, split)} {_BAND if ranked else ''}"
        )
        self._board.objects = panes(figures)
        self.on_threshold_drag()

    def _plot(
        self,
        domain: str,
        split: str,
        curves: pd.DataFrame,
        band: pd.DataFrame,
        ranked: _Found,
        names: list[str],
    ) -> hv.Overlay:
        mine, here = (
            curves[curves["domain"] == domain],
            {key: ranking for key, ranking in ranked.items() if key[1] == domain},
        )
        counts = " / ".join(dict.fromkeys(str(ranking.n) for ranking in here.values()))
        common: dict[str, Any] = {
            "bands": band[band["domain"] == domain],
            "title": f"{domain_title(domain).capitalize()}, {split}, n = {counts}",
            "runs": names,
            "size": SIZE,
        }
        if self._roc:
            return roc_curves(mine, threshold=self._state.threshold, **common)
        at = points(here, self._state.threshold)
        shares = {round(ranking.positive, 3) for ranking in here.values()}
        return precision_recall_curves(
            mine, points=at, positive=shares.pop() if len(shares) == 1 else None, **common
        )

    def _say_what_lacks(self) -> None:
        state = self._state
        pair = (int(state.pair[0]), int(state.pair[1]))
        lines = unlabelled(self._subjects, state.split, state.threshold, pair)
        if any(len(subject.run.classes) > 2 for subject in self._subjects):
            names = self._subjects[0].run.classes
            lines.append(
                f"Of more than two classes, only {names[pair[1]]} against {names[pair[0]]}:"
                " galaxies of the others do not count here."
            )
        self._hints.object = notices(lines)
