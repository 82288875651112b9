"""Risk-coverage curves: error among the most confident galaxies."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import holoviews as hv
import pandas as pd

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.compute import Compute
from daexplore.app.core.layout import sentences_html
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.performance.calibration import score_tables
from daexplore.app.tabs.performance.section import (
    SIZE,
    Rows,
    Section,
    counts_text,
    domains_in,
    figure_grid,
    html,
    notices,
    panes,
)
from daexplore.app.tabs.performance.subjects import EvaluatedRun, subjects, unlabelled
from daexplore.domains import DOMAINS
from daexplore.utils.text import capitalise
from daexplore.views.plots.reliability import risk_coverage_curves, summary_risk_coverage
from daexplore.views.style import domain_title

__all__ = ["RiskSection", "risk_coverage_tables"]

_RISK = (
    "<p class='caption'>Galaxies are kept in the order of the probability of the predicted class"
    " (the most probable one, whatever the threshold); risk is the share of errors among those"
    " kept. AURC: mean risk over all coverages, lower is better; excess: less the AURC of an order"
    " that puts all errors last. Bands and intervals 95%, by resampling galaxies.</p>"
)


_coverages: LRUCache[Rows] = LRUCache(128)


def risk_coverage_tables(found: Sequence[EvaluatedRun], split: str) -> dict[str, pd.DataFrame]:
    """Risk-coverage curves by the probability of the class that is called, as ``views.reliability``
    draws them.

    Returns:
        "curves": who, domain, split, n, ranking, coverage, risk, low, high; "selective": who,
        domain, split, n, ranking, name (aurc, excess), value, low, high.
    """
    rows: Rows = {"curves": [], "selective": []}
    for domain in DOMAINS:
        for subject in found:
            made = _coverages.get(
                (*subject.key, domain, split), partial(_coverage, subject, domain, split)
            )
            for name, lines in made.items():
                rows[name] += [{"who": subject.name, **line} for line in lines]
    return {name: pd.DataFrame(lines) for name, lines in rows.items()}


def _coverage(subject: EvaluatedRun, domain: str, split: str) -> Rows:
    from daexplore.analysis.metrics.risk_coverage import risk_coverage

    mask = subject.rows(domain, split)
    if not mask.any():
        return {}
    found = subject.evaluation
    curve = risk_coverage(found.labels[mask], found.probabilities[mask], found.group_ids[mask])
    common = {"domain": domain, "split": split, "n": int(mask.sum()), "ranking": "confidence"}
    entries = (("aurc", curve.aurc), ("excess", curve.excess))
    return {
        "curves": [common | row for row in curve.rows()],
        "selective": [common | {"name": name} | entry for name, entry in entries],
    }


class RiskSection(Section):
    """One frame a domain. The threshold plays no part."""

    def __init__(self, state: ExplorerState, service: Compute) -> None:
        super().__init__(state, service)
        self._hints, self._tables, self._board = html(), html(), figure_grid()
        self.view.objects = [self._hints, self._board, self._summary, self._tables, html(_RISK)]

    def draw(self) -> None:
        """The curves, once they are computed."""
        found, split = subjects(self._state), self._state.split
        self._hints.object = "<p class='hint'>Computing …</p>"
        self._compute.submit(
            self, risk_coverage_tables, found, split, then=partial(self._arrived, found)
        )

    def _arrived(self, found: list[EvaluatedRun], tables: dict[str, pd.DataFrame]) -> None:
        state, curves, selective = self._state, tables["curves"], tables["selective"]
        self._hints.object = notices(unlabelled(found, state.split, state.threshold))
        makers = {
            f"risk-{domain}": partial(self._plot, domain, curves, found)
            for domain in domains_in(curves)
        }
        self.figures(makers, self._show)
        self._summary.object = sentences_html(
            *(summary_risk_coverage(selective, domain) for domain in DOMAINS)
        )
        self._tables.object = score_tables(selective, {"confidence": ""}, "ranking")

    def _show(self, figures: list[Any]) -> None:
        self._board.objects = panes(figures)

    def _plot(self, domain: str, curves: pd.DataFrame, found: list[EvaluatedRun]) -> hv.Overlay:
        rows = curves[curves["domain"] == domain]
        title = f"{capitalise(domain_title(domain))}, {self._state.split}, n = {counts_text(rows)}"
        return risk_coverage_curves(
            rows, title=title, size=SIZE, who=[subject.name for subject in found]
        )
