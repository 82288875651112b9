"""Tables of metrics and of the settings in which runs differ."""

from html import escape

import numpy as np

from daexplore.app.glossary.markup import explained, term
from daexplore.app.latents.view import LatentView
from daexplore.app.results.metrics import Score
from daexplore.app.state import ExplorerState
from daexplore.views.plots.metrics_table import config_differences

__all__ = ["differences_table", "metric_tables"]


_TITLES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "brier": "Brier",
}
_TERMS = _TITLES | {"brier": "Brier score"}


def metric_tables(found: list[Score], state: ExplorerState, names: tuple[str, ...]) -> str:
    """One table a domain, one line a run: value and 95% interval of each metric, with n, split and whose labels were used."""
    tables = []
    rule = f"threshold {state.threshold:.2f}" if len(state.classes) <= 2 else "most probable class"
    for domain in ("source", "target"):
        lines = [score for score in found if score.domain == domain]
        if not any(score.n for score in lines):
            tables.append(
                f"<p class='hint'>No labelled {domain} galaxies here.</p>" if lines else ""
            )
            continue
        counts = " / ".join(dict.fromkeys(str(score.n) for score in lines))
        oracle = f" <i>{term('oracle')}</i>" if domain == "target" else ""
        head = "".join(f"<th>{term(_TERMS[name], _TITLES[name])}</th>" for name in names)
        body = "".join(
            f"<tr><td>{escape(score.run)}</td>{''.join(_cell(score.metrics.get(name)) for name in names)}</tr>"
            for score in lines
        )
        tables.append(
            f"<table><caption>{term(domain, domain.capitalize())}{oracle} <small>{state.split}, n = {counts}</small></caption>"
            f"<thead><tr><th>{rule}</th>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
    return explained("".join(tables))


def differences_table(scenes: list[LatentView]) -> str:
    """The settings in which the runs on screen differ, as markup."""
    if len(scenes) < 2:
        return "<p class='hint'>Choose a second run to compare its settings.</p>"
    frame = config_differences({scene.label: scene.run.config for scene in scenes})
    if frame.empty:
        return "<p class='hint'>Nothing: the settings are the same.</p>"
    head = "".join(f"<th>{escape(str(column))}</th>" for column in frame.columns)
    lines = [[escape(str(value)) for value in row] for row in frame.itertuples(index=False)]
    # Dotted names may break after their dots only.
    body = "".join(
        f"<tr><td>{line[0].replace('.', '.<wbr>')}</td>{''.join(f'<td>{value}</td>' for value in line[1:])}</tr>"
        for line in lines
    )
    return f"<table class='text'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(entry: dict[str, float] | None) -> str:
    if entry is None or not np.isfinite(entry["value"]):
        return "<td>–</td>"
    low, high = entry.get("low", float("nan")), entry.get("high", float("nan"))
    interval = (
        f"<small>[{low:.3f}, {high:.3f}]</small>" if np.isfinite(low) and np.isfinite(high) else ""
    )
    return f"<td>{entry['value']:.3f}{interval}</td>"
