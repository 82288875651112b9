"""Calibration section: reliability diagrams, scores and temperatures."""

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.compute import Compute
from daexplore.app.core.layout import sentences_html
from daexplore.app.core.session import show_errors
from daexplore.app.glossary.markup import explained, term
from daexplore.app.state import ExplorerState
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
from daexplore.errors import InputError
from daexplore.utils.html import Cell, html_table
from daexplore.utils.text import capitalise
from daexplore.views.plots.reliability import reliability_diagram, summary_reliability
from daexplore.views.style import domain_title

__all__ = ["STAGES", "CalibrationSection", "calibrations", "temperatures"]


STAGES = {"As trained": "before", "Temperature scaled": "after"}
"""What can be chosen, and its name in the tables."""
_BINS = 10
_calibrations: LRUCache[Rows] = LRUCache(128)


def calibrations(found: Sequence[EvaluatedRun], split: str) -> dict[str, pd.DataFrame]:
    """Calibration of each run before and after its temperature, in both domains.

    The temperature is fitted on labelled source validation at the epoch shown, as ``daexplore
    calibrate`` does at the selected one.

    Returns:
        "bins": who, domain, split, n, stage, of, probability, frequency, low, high, counts,
        galaxies, as ``views.reliability`` draws them; "scores": who, domain, split, n, stage, name
        (ece, brier, nll), value, low, high; "fits": who, temperature, n, problem.
    """
    rows: Rows = {"bins": [], "scores": [], "fits": []}
    for subject in found:
        made = _calibrations.get((*subject.key, split), partial(_calibration, subject, split))
        for name, lines in made.items():
            rows[name] += [{"who": subject.name, **line} for line in lines]
    for name in ("bins", "scores"):
        rows[name].sort(key=lambda row: DOMAINS.index(row["domain"]))
    return {name: pd.DataFrame(lines) for name, lines in rows.items()}


def _calibration(subject: EvaluatedRun, split: str) -> Rows:
    from daexplore.analysis.calibration.reliability import calibration_scores, reliability
    from daexplore.analysis.calibration.temperature import apply_temperature, fit_temperature

    found = subject.evaluation
    fitted = subject.rows("source", "validation")
    rows: Rows = {
        "bins": [],
        "scores": [],
        "fits": [{"temperature": float("nan"), "n": int(fitted.sum()), "problem": ""}],
    }
    stages = {"before": 1.0}
    try:
        stages["after"] = rows["fits"][0]["temperature"] = fit_temperature(
            found.logits[fitted], found.labels[fitted]
        )
    except InputError as error:
        rows["fits"][0]["problem"] = str(error)
    for domain in DOMAINS:
        mask = subject.rows(domain, split)
        if not mask.any():
            continue
        labels, groups = found.labels[mask], found.group_ids[mask]
        for stage, temperature in stages.items():
            common = {"domain": domain, "split": split, "n": int(mask.sum()), "stage": stage}
            probabilities = apply_temperature(found.logits[mask], temperature)
            diagram = reliability(labels, probabilities, groups, _BINS)
            rows["bins"] += [common | {"of": diagram.of} | row for row in diagram.rows()]
            scores = calibration_scores(labels, probabilities, groups, _BINS)
            rows["scores"] += [
                common | {"name": name} | entry
                for name, entry in scores.items()
                if name != "accuracy"
            ]
    return rows


def temperatures(fits: pd.DataFrame, split: str) -> str:
    """The fitted temperatures in a sentence, and on what they were fitted."""
    known = fits[fits["problem"] == ""].to_dict("records") if len(fits) else []
    parts = []
    if known:
        values = ", ".join(
            f"{row['who']} {row['temperature']:.2f} (n = {row['n']})" for row in known
        )
        parts.append(
            f"Temperatures, fitted on labelled source validation galaxies: {values}; above 1 the"
            " network was overconfident."
        )
        if split == "validation":
            parts.append(
                "The source galaxies shown are those they were fitted on, so there the diagram"
                " flatters."
            )
    lost = fits[fits["problem"] != ""].to_dict("records") if len(fits) else []
    parts += [f"{row['who']} has no temperature: {row['problem']}" for row in lost]
    return " ".join(parts)


_TITLES = {
    "ece": "ECE",
    "brier": "Brier",
    "nll": "NLL [nat]",
    "aurc": "AURC",
    "excess": "excess AURC",
}
_WORDS = {"ece": "ECE", "brier": "Brier score", "nll": "NLL", "aurc": "AURC", "excess": "AURC"}
_RELIABILITY = (
    "<p class='caption'>Bins hold equally many galaxies; on the diagonal, of the galaxies given a"
    " probability p a share p is of the class. ECE: mean distance from the diagonal, less what"
    " noise adds to it. Brier: mean squared error of the probability. NLL: mean −ln of the true"
    " class's probability. All three are better when lower; intervals 95%, by resampling"
    " galaxies.</p>"
)


class CalibrationSection(Section):
    """One diagram a domain. The threshold plays no part."""

    def __init__(self, state: ExplorerState, service: Compute) -> None:
        super().__init__(state, service)
        self._found: tuple[list[EvaluatedRun], dict[str, pd.DataFrame]] | None = None
        self._stage = pmui.RadioButtonGroup(
            options=STAGES, value="before", size="small", margin=0, label=""
        )
        self._stage.param.watch(show_errors(state, lambda _: self._figures()), "value")
        self._hints, self._fits, self._tables, self._board = html(), html(), html(), figure_grid()
        self.view.objects = [
            pn.Row(self._stage, margin=0),
            self._hints,
            self._board,
            self._summary,
            self._fits,
            self._tables,
            html(_RELIABILITY),
        ]

    def draw(self) -> None:
        """Both stages, once they are computed."""
        found, split = subjects(self._state), self._state.split
        self._hints.object = "<p class='hint'>Computing …</p>"
        self._compute.submit(self, calibrations, found, split, then=partial(self._arrived, found))

    def _arrived(self, found: list[EvaluatedRun], tables: dict[str, pd.DataFrame]) -> None:
        self._found = found, tables
        self._fits.object = sentences_html(temperatures(tables["fits"], self._state.split))
        self._tables.object = score_tables(
            tables["scores"], {"before": "as trained", "after": "scaled"}, "stage"
        )
        self._figures()

    def _figures(self) -> None:
        if self._found is None:
            return
        (found, tables), state = self._found, self._state
        bins, scores = tables["bins"], tables["scores"]
        if len(bins):
            bins, scores = (table[table["stage"] == self._stage.value] for table in (bins, scores))
        self._hints.object = notices(unlabelled(found, state.split, state.threshold))
        words = next(name for name, stage in STAGES.items() if stage == self._stage.value).lower()
        makers = {
            f"reliability-{domain}": partial(self._plot, domain, bins, words, found)
            for domain in domains_in(bins)
        }
        self.figures(makers, self._show)
        named = scores.assign(stage=words) if len(scores) else scores
        self._summary.object = sentences_html(
            *(summary_reliability(named, domain) for domain in DOMAINS)
        )

    def _show(self, figures: list[Any]) -> None:
        self._board.objects = panes(figures)

    def _plot(
        self, domain: str, bins: pd.DataFrame, words: str, found: list[EvaluatedRun]
    ) -> hv.Overlay:
        rows = bins[bins["domain"] == domain]
        about = f"{self._state.split}, {words}, n = {counts_text(rows)}"
        title = f"{capitalise(domain_title(domain))}, {about}"
        plot = reliability_diagram(
            rows, title=title, legend="top", size=SIZE, who=[subject.name for subject in found]
        )
        if rows["of"].iloc[0] == "class 1":
            positive = found[0].run.classes[1]
            plot = plot.opts(
                xlabel=f"probability of {positive}", ylabel=f"share of {positive}", backend="bokeh"
            )
        return plot


def score_tables(scores: pd.DataFrame, kinds: dict[str, str], by: str) -> str:
    """One table a domain, one line a run, one column a score and kind, as markup.

    Args:
        scores: columns who, domain, split, n, name, value, low, high and the one called ``by``.
        kinds: value of ``by`` -> how the head of a column says it.
        by: name of the column that parts the scores of one name.
    """
    tables = []
    for domain in domains_in(scores):
        part = scores[scores["domain"] == domain]
        names = [
            (name, kind)
            for name in dict.fromkeys(part["name"])
            for kind in kinds
            if kind in set(part[by])
        ]
        head = [
            Markup(f"{term(_WORDS[name], _TITLES[name])}<br>{kinds[kind]}") for name, kind in names
        ]
        lines = []
        for who, rows in part.groupby("who", sort=False):
            at = {(row["name"], row[by]): row for row in rows.to_dict("records")}
            cells = [_cell(at[pair]) if pair in at else "–" for pair in names]
            lines.append([Cell(str(who), head=True), *cells])
        oracle = " <i>oracle</i>" if domain == "target" else ""
        caption = (
            f"{domain.capitalize()}{oracle} <small>{escape(str(part['split'].iloc[0]))}, n ="
            f" {counts_text(part)}</small>"
        )
        tables.append(html_table(lines, ["run", *head], caption=Markup(caption)))
    return explained(f"<div class='side-by-side'>{''.join(tables)}</div>")


def _cell(row: "dict[object, float]") -> Markup:
    known = np.isfinite(row["low"])
    told = f"[{row['low']:.3f}, {row['high']:.3f}]" if known else "no interval"
    interval = f"<small>{told}</small>"
    return Markup(f"{row['value']:.3f}{interval}")
