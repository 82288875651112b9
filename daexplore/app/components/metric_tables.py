"""Tables of metrics and of the settings in which runs differ."""

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from daexplore.app.glossary.markup import explained, term
from daexplore.app.latents.view import LatentView
from daexplore.app.results.metrics import Score
from daexplore.app.state import ExplorerState
from daexplore.domains import DOMAINS
from daexplore.utils.html import html_table
from daexplore.views.plots.metrics_table import config_differences

__all__ = ["differences_table", "metric_tables", "settings_table"]


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
    """One table a domain, one line a run: value and 95% interval of each metric, with n, split and
    whose labels were used.
    """
    tables = []
    rule = f"threshold {state.threshold:.2f}" if len(state.classes) <= 2 else "most probable class"
    for domain in DOMAINS:
        lines = [score for score in found if score.domain == domain]
        if not any(score.n for score in lines):
            tables.append(
                f"<p class='hint'>No labelled {domain} galaxies here.</p>" if lines else ""
            )
            continue
        counts = " / ".join(dict.fromkeys(str(score.n) for score in lines))
        oracle = f" <i>{term('oracle')}</i>" if domain == "target" else ""
        head = [rule, *(Markup(term(_TERMS[name], _TITLES[name])) for name in names)]
        rows = [[s.run, *(_cell(s.metrics.get(name)) for name in names)] for s in lines]
        caption = (
            f"{term(domain, domain.capitalize())}{oracle} <small>{state.split}, n ="
            f" {counts}</small>"
        )
        tables.append(html_table(rows, head, caption=Markup(caption)))
    return explained("".join(tables))


def differences_table(scenes: list[LatentView]) -> str:
    """The settings in which the runs on screen differ, as markup."""
    if len(scenes) < 2:
        return "<p class='hint'>Select a second run to compare its settings.</p>"
    frame = config_differences({scene.label: scene.run.config for scene in scenes})
    if frame.empty:
        return "<p class='hint'>Nothing: the settings are the same.</p>"
    return settings_table(frame)


def settings_table(frame: pd.DataFrame) -> str:
    """The settings in which runs differ, one row a setting; dotted names may break after their dots
    only.
    """
    rows = [
        [escape(name).replace(".", Markup(".<wbr>")), *map(str, values)]
        for name, *values in frame.itertuples(index=False)
    ]
    # Plain text: Panel would escape the tags of a ``Markup``.
    return str(html_table(rows, list(map(str, frame.columns)), css_class="text"))


def _cell(entry: dict[str, float] | None) -> Markup:
    if entry is None or not np.isfinite(entry["value"]):
        return Markup("–")
    low, high = entry.get("low", float("nan")), entry.get("high", float("nan"))
    known = np.isfinite(low) and np.isfinite(high)
    told = f"[{low:.3f}, {high:.3f}]" if known else "no interval" if "low" in entry else ""
    interval = f"<small>{told}</small>" if told else ""
    return Markup(f"{entry['value']:.3f}{interval}")
