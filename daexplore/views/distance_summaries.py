"""The figures of the domain distance in one line of text each."""

import numpy as np
import pandas as pd

__all__ = ["summary_class_distances", "summary_distances", "summary_paths"]

_ALPHA = 0.05


def summary_distances(table: pd.DataFrame, split: str) -> str:
    """From where to where the MMD^2 of each run went, and how far that is from chance at the epoch shown.

    Args:
        table: as :func:`daexplore.views.distance_paths.mmd_curves` takes it.
        split: which held-out images.
    """
    if table.empty:
        return f"MMD² of the latents ({split}): nothing logged yet."
    parts = []
    for run, rows in table.groupby("run", sort=False):
        rows = rows.sort_values("epoch")
        first, last = rows.iloc[0], rows.iloc[-1]
        parts.append(
            f"{run} {first['value']:.3g} (epoch {first['epoch']}) to {last['value']:.3g} (epoch {last['epoch']})"
            f"{_against_chance(rows[rows['shown']])}"
        )
    counts = table.iloc[0]
    return f"MMD² of the latents, {split}, n = {counts['n_source']} source, {counts['n_target']} target images: {'; '.join(parts)}."


def summary_paths(table: pd.DataFrame, split: str) -> str:
    """What became of distance and target accuracy from the first to the selected epoch; oracle.

    Args:
        table: as :func:`daexplore.views.distance_paths.distance_paths` takes it.
        split: which held-out images.
    """
    if table.empty:
        return f"Target accuracy ({split}, oracle) is not known: the target has no labels here, or nothing is logged yet."
    parts = []
    for run, rows in table.groupby("run", sort=False):
        own = rows[rows["own"]].sort_values("epoch")
        if own.empty:
            continue
        first, end = own.iloc[0], (own[own["selected"]] if own["selected"].any() else own).iloc[-1]
        moved = "closer" if end["mmd2"] < first["mmd2"] else "farther"
        fared = "better" if end["accuracy"] > first["accuracy"] else "worse" if end["accuracy"] < first["accuracy"] else "as good"
        joint = "yet" if (moved == "closer") != (fared == "better") else "and"
        parts.append(
            f"{run} from epoch {first['epoch']} to {end['epoch']} {moved} ({first['mmd2']:.3g} to {end['mmd2']:.3g}) {joint} {fared} "
            f"({first['accuracy']:.3f} to {end['accuracy']:.3f}){_seeds(rows)}"
        )
    counts = sorted(set(table["n"]))
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"MMD² and target accuracy (oracle), {split}, n = {n} labelled target images: {'; '.join(parts)}."


def summary_class_distances(measures: pd.DataFrame, split: str) -> str:
    """The MMD^2 of each class in each run, as called and (oracle) as labelled, and whether it lies beyond chance.

    Args:
        measures: as :func:`daexplore.views.distance_paths.class_distances` takes it.
        split: which held-out images.
    """
    if measures.empty:
        return f"MMD² class by class ({split}): being computed."
    parts = []
    for run, rows in measures.groupby("run", sort=False):
        classes = rows[rows["name"] == "class_mmd2"]
        free, oracle = (_each(classes[classes["oracle"] == flag]) for flag in (False, True))
        known = f"; true classes (oracle): {oracle}" if oracle else ""
        parts.append(f"{run}, called classes: {free}{known}{_hidden(rows)}")
    return f"MMD² class by class, {split}; * beyond chance (p ≤ {_ALPHA}): {'. '.join(parts)}."


def _against_chance(shown: pd.DataFrame) -> str:
    if shown.empty or not np.isfinite(shown["p_value"].iloc[0]):
        return ""
    row = shown.iloc[0]
    told = "beyond chance" if row["p_value"] <= _ALPHA else "not told from chance"
    return f", at epoch {row['epoch']} {told} ({row['effect']:+.1f} σ, 95% of chance {row['null_low']:.2g} to {row['null_high']:.2g})"


def _seeds(rows: pd.DataFrame) -> str:
    others = rows[~rows["own"]]
    if others.empty:
        return ""
    ends = [
        (part[part["selected"]] if part["selected"].any() else part).sort_values("epoch").iloc[-1] for _, part in others.groupby("seed")
    ]
    values = [float(end["accuracy"]) for end in ends]
    many = f"{len(values)} further seed{'s' if len(values) > 1 else ''}"
    return f", {many} {min(values):.3f} to {max(values):.3f}" if len(values) > 1 else f", {many} {values[0]:.3f}"


def _each(rows: pd.DataFrame) -> str:
    return ", ".join(
        f"{row['kind']} {row['value']:.3g}{'*' if row['p_value'] <= _ALPHA else ''}" if np.isfinite(row["value"]) else f"{row['kind']} –"
        for row in rows.to_dict("records")
    )


def _hidden(rows: pd.DataFrame) -> str:
    """Marginals that match hide classes that do not."""
    whole = rows[rows["name"] == "mmd2"].iloc[0]
    classes = rows[(rows["name"] == "class_mmd2") & (rows["p_value"] <= _ALPHA)]
    if whole["p_value"] <= _ALPHA or classes.empty:
        return ""
    return " (as a whole the domains match, class by class they do not)"
