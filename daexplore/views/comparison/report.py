"""HTML report of a comparison: verdicts, figures, tables, galaxies and settings."""

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from daexplore import __version__
from daexplore.config import to_dict
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.utils.files import static_text
from daexplore.utils.html import Cell, html_table
from daexplore.views.comparison.gallery import flipped_galaxies, gallery_html
from daexplore.views.comparison.page import comparison_html
from daexplore.views.comparison.tables import display_tables
from daexplore.views.figures.base import FigureSpec, PlotPositions, RunResult
from daexplore.views.figures.galaxies import galaxies_drawing
from daexplore.views.figures.history import curves_drawing
from daexplore.views.figures.reliability import reliability_drawing
from daexplore.views.figures.render import svg_data_uri
from daexplore.views.figures.roc import roc_drawing
from daexplore.views.plots.margin_plane import plane_of

__all__ = ["comparison_report"]

_AXES = ("distance to boundary [source σ]", "domain probe [source σ]")
_MOST_PLANES = 8
_TABLES, _FOOTER = "<section><h2>Methods</h2>", "<footer>"


def comparison_report(
    tables: Mapping[str, pd.DataFrame],
    about: Mapping[str, Any],
    runs: Sequence[Run],
    report: Callable[[int, int], None] | None = None,
) -> str:
    """The page. It has no script and loads nothing from anywhere.

    Args:
        tables: those of a ``Comparison``.
        about: its ``to_dict()``.
        runs: its runs.
        report: called with the parts done and their number.
    """
    known = {run.id: run for run in runs}
    # The baseline first, so that figures read from before to after.
    order = sorted(about["methods"], key=lambda method: method["name"] != about["baseline"])
    methods = [(method["name"], [known[name] for name in method["runs"]]) for method in order]
    parts = [_pictures, _gallery, _settings]
    found = []
    for done, part in enumerate(parts):
        found.append(part(methods, about))
        if report:
            report(done + 1, len(parts))
    page = comparison_html(display_tables(tables, about), tables, about)
    style = static_text("views", "comparison_report.css")
    page = page.replace("</style>", f"{style}</style>", 1)
    for mark, markup in ((_TABLES, found[0]), (_FOOTER, found[1] + found[2])):
        before, _, after = page.partition(mark)
        page = f"{before}{markup}{mark}{after}"
    return page


def _pictures(methods: list[tuple[str, list[Run]]], about: Mapping[str, Any]) -> str:
    """One network a method in the figures that show single galaxies, all of them in the curves."""
    split = about["split"]
    first = [(f"{name} · seed {runs[0].seed}", runs[0]) for name, runs in methods]
    every = [(f"{name} · seed {run.seed}", run) for name, runs in methods for run in runs]
    compared = [RunResult(name, run.id, run.evaluation(), run.classes) for name, run in first]
    planes = [_places(run) for _, run in first[:_MOST_PLANES]]
    whole = [RunResult(name, run.id, run.evaluation(), run.classes) for name, run in every]
    histories = {name: run.history() for name, run in every}
    drawn = (
        (
            "Both sides of the decision boundary",
            galaxies_drawing(compared[:_MOST_PLANES], planes, split=split),
        ),
        ("ROC curves", roc_drawing(compared, split)),
        ("Domain distance and accuracy over the epochs", curves_drawing(whole, histories, split)),
        ("Are the probabilities calibrated?", reliability_drawing(compared, split)),
    )
    note = (
        ""
        if len(every) == len(first)
        else "Of each method its first seed is drawn, but for the curves over the epochs. "
    )
    if len(first) > _MOST_PLANES:
        note += f"Planes of {_MOST_PLANES} of {len(first)} methods. "
    figures = "".join(_figure(title, drawing) for title, drawing in drawn)
    hint = f"<p class='hint'>{escape(note)}Each network at its selected epoch.</p>"
    return f"<section class='drawn'><h2>In pictures</h2>{hint}{figures}</section>"


def _figure(title: str, drawing: FigureSpec) -> str:
    try:
        picture = f"<img alt='{escape(drawing.summary)}' src='{svg_data_uri(drawing)}'>"
    except InputError:
        picture = ""
    about = f"{drawing.summary} {drawing.meta['oracle'][:1].upper()}{drawing.meta['oracle'][1:]}."
    return (
        f"<figure><h3>{escape(title)}</h3>{picture}<figcaption"
        f" class='hint'>{escape(about)}</figcaption></figure>"
    )


def _places(run: Run) -> PlotPositions:
    _, plane = plane_of(run)
    return PlotPositions(plane.x, plane.y, float(plane.threshold_x(0.5)), _AXES)


def _gallery(methods: list[tuple[str, list[Run]]], about: Mapping[str, Any]) -> str:
    base = next((runs[0] for name, runs in methods if name == about["baseline"]), None)
    if base is None:
        return ""
    cards = []
    for name, runs in methods:
        if runs[0] is base:
            continue
        names = (f"{about['baseline']} · seed {base.seed}", f"{name} · seed {runs[0].seed}")
        flipped = flipped_galaxies(names, (base, runs[0]), about["split"])
        if flipped.n:
            cards.append(gallery_html(flipped, runs[0]))
    return (
        f"<section class='flips'><h2>Galaxies fixed and broken</h2>{''.join(cards)}</section>"
        if cards
        else ""
    )


def _settings(methods: list[tuple[str, list[Run]]], about: Mapping[str, Any]) -> str:
    lines = []
    for name, runs in methods:
        for run in runs:
            info = run.info
            rule = str((info.get("selection") or {}).get("rule", "")).replace("_", " ")
            data = "; ".join(
                f"{domain} {found.get('n', '?')}, {found['fingerprint']}"
                for domain, found in info["data"].items()
            )
            made = ", ".join(
                f"{package} {version}" for package, version in info.get("versions", {}).items()
            )
            epoch = f"{run.selected_epoch} of {len(run.evaluated)}" + (f" ({rule})" if rule else "")
            lines.append(
                (name, run.id, str(run.seed), run.status, epoch, str(info["created"]), data, made)
            )
    head = (
        "method",
        "run",
        "seed",
        "status",
        "epoch",
        "started [UTC]",
        "images and their fingerprint",
        "made with",
    )
    rows = [[Cell(cell, "word") for cell in line] for line in lines]
    table = html_table(rows, [Cell(name, "word") for name in head], css_class="numbers")
    configs = "".join(
        f"<details><summary>All settings of {escape(name)}, seed {runs[0].seed}</summary>"
        f"<pre>{escape(_config_text(runs[0]))}</pre></details>"
        for name, runs in methods
    )
    counts = "; ".join(
        f"{found['n']} {domain} images of {found['galaxies']} galaxies"
        for domain, found in about["counts"].items()
    )
    how = (
        f"daexplore {__version__}; {about['split']} split, {counts}; {about['level']:.0%} intervals"
        f" from {about['resamples']} resamples of galaxies, seed {about['seed']}; classes"
        f" {', '.join(about['classes'])}. What used target labels is marked oracle."
    )
    return (
        f"<section class='made'><h2>How it was made</h2><p>{escape(how)}</p><div"
        f" class='wide'>{table}</div>{configs}</section>"
    )


def _config_text(run: Run) -> str:
    return json.dumps(to_dict(run.config), indent=1, ensure_ascii=False, default=str)
