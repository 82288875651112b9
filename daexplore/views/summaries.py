"""Each plot in one line of text: for screen readers, for captions, for a quick look."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from daexplore.views.style import DOMAINS, QUANTITIES, domain_title
from daexplore.views.tables import interval_text, metrics_rows

__all__ = ["summary_curves", "summary_metrics", "summary_plane", "summary_roc", "summary_saliency"]


def summary_metrics(metrics: Mapping[str, Mapping[str, Any]], name: str = "accuracy", domain: str = "target", split: str = "test") -> str:
    """One metric of all runs on one domain, each with its interval, and how many galaxies it rests on.

    Args:
        metrics: for each run its ``run.json`` "metrics".
        name: which metric.
        domain: on which domain.
        split: on which split.
    """
    rows = metrics_rows(metrics, (split,))
    rows = rows[(rows["name"] == name) & (rows["domain"] == domain)]
    if rows.empty:
        return f"No {QUANTITIES.get(name, name)} of the {domain} {split} galaxies is known yet."
    values = "; ".join(f"{row['run']} {interval_text(row['value'], row['low'], row['high'])}" for row in rows.to_dict("records"))
    return f"{_start(QUANTITIES.get(name, name))} on {_numbers(rows['n'])} {split} galaxies of the {domain_title(domain)}: {values}."


def summary_roc(curves: pd.DataFrame, split: str = "test") -> str:
    """The area under each curve, by domain.

    Args:
        curves: columns run, domain, auc, n (constant along a curve), as ``views.roc.roc_curves`` takes them.
        split: which galaxies they were computed on.
    """
    parts = []
    for domain in (name for name in DOMAINS if (curves["domain"] == name).any()):
        first = curves[curves["domain"] == domain].drop_duplicates("run")
        values = ", ".join(f"{row['run']} {interval_text(row['auc'])}" for row in first.to_dict("records"))
        parts.append(f"{domain_title(domain)}, n = {_numbers(first['n'])}: {values}")
    return (
        f"Area under the ROC curve on {split} galaxies: {'; '.join(parts)}."
        if parts
        else "No ROC curve can be drawn: both classes are needed."
    )


def summary_curves(history: pd.DataFrame, name: str, split: str = "validation") -> str:
    """From which value to which a quantity went in each run and domain.

    Args:
        history: columns run, epoch, split, domain, name, value.
        name: the quantity.
        split: "train", "validation" or "test".
    """
    rows = history[(history["name"] == name) & (history["split"] == split)]
    quantity = _start(QUANTITIES.get(name, name))
    if rows.empty:
        return f"{quantity} ({split}): nothing logged yet."
    parts = []
    for (run, domain), line in rows.groupby(["run", "domain"], sort=False):
        where = "" if domain == "both" else f" on {domain_title(str(domain))}"
        first, last = line.iloc[0], line.iloc[-1]
        parts.append(f"{run}{where} {first['value']:.3g} to {last['value']:.3g} (epoch {int(first['epoch'])} to {int(last['epoch'])})")
    return f"{quantity} ({split}): {'; '.join(parts)}."


def summary_plane(run: str, epoch: int, right: Mapping[str, float], counts: Mapping[str, int], positive: str) -> str:
    """How much of each domain lies beyond the decision boundary.

    Args:
        run: its label.
        epoch: which weights.
        right: for each domain the share of galaxies that are called ``positive``, 0 to 1.
        counts: for each domain how many galaxies are drawn.
        positive: name of the class on the right of the boundary.
    """
    parts = ", ".join(f"{right[domain]:.0%} of {counts[domain]} {domain}" for domain in right)
    return f"{run}, epoch {epoch}: {parts} galaxies lie on the side called {positive}."


def summary_saliency(sample_id: str, explained: str, shares: Mapping[str, float]) -> str:
    """Where the networks looked: the share of the map within the central half of the image's width and height.

    Args:
        sample_id: the galaxy.
        explained: name of the class the maps explain.
        shares: for each run that share, 0 to 1; a map without preference has a quarter there; NaN for a map that is zero everywhere.
    """
    parts = ", ".join(f"{run} {share:.0%}" if np.isfinite(share) else f"{run} (map is zero)" for run, share in shares.items())
    return f"Grad-CAM of {explained} for {sample_id}, share in the central quarter of the image: {parts or 'no map stored'}."


def _start(text: str) -> str:
    return text[0].upper() + text[1:]


def _numbers(counts: pd.Series) -> str:
    values = sorted({int(n) for n in counts})
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"
