"""Gallery of galaxies that a method fixes or breaks."""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.images import data_uri, galaxy_png

__all__ = ["Flipped", "flipped_galaxies", "gallery_html"]


@dataclass(frozen=True, eq=False)
class Flipped:
    """Target galaxies whose class two networks predict differently, one of them rightly.

    Attributes:
        before: name of the first network.
        after: name of the second.
        n: labelled images compared.
        fixed: indexed by sample_id, columns label, before, after: the true class and both
            probabilities of it; the largest change first.
        broken: as above.
    """

    before: str
    after: str
    n: int
    fixed: pd.DataFrame
    broken: pd.DataFrame


def flipped_galaxies(names: tuple[str, str], runs: tuple[Run, Run], split: str = "test") -> Flipped:
    """Which target galaxies the second run gets right and the first does not, and the other way
    round. All of it is the oracle's knowledge.

    Args:
        names: of both networks.
        runs: each at its selected epoch.
        split: "test" or "validation".
    """
    first, second = (_called(run, split) for run in runs)
    both = first.add_suffix("_before").join(second.add_suffix("_after"), how="inner")
    table = pd.DataFrame(
        {
            "label": both["label_before"],
            "before": both["right_before"],
            "after": both["right_after"],
        }
    )
    table = table.assign(change=(table["after"] - table["before"]).abs()).sort_values(
        "change", ascending=False, kind="stable"
    )
    good = {when: both.loc[table.index, f"correct_{when}"] for when in ("before", "after")}
    columns = ["label", "before", "after"]
    return Flipped(
        *names,
        len(both),
        table.loc[~good["before"] & good["after"], columns],
        table.loc[good["before"] & ~good["after"], columns],
    )


def gallery_html(flipped: Flipped, run: Run, most: int = 8) -> str:
    """A row of fixed and a row of broken galaxies as markup.

    Args:
        flipped: which.
        run: one of the two, which knows where the images are.
        most: galaxies a row.
    """
    rows = []
    for title, table in (("Fixed", flipped.fixed), ("Broken", flipped.broken)):
        shown = table.head(most)
        count = (
            f"{len(shown)} of {len(table)} shown, those whose probability changed most"
            if len(table)
            else "none"
        )
        head = f"<h4>{title} by {escape(flipped.after)}, wrong before: {count}</h4>"
        if title == "Broken":
            head = f"<h4>{title} by {escape(flipped.after)}, right before: {count}</h4>"
        rows.append(f"{head}{_row(shown, run, flipped)}")
    note = (
        f"{escape(flipped.before)} and {escape(flipped.after)} on {flipped.n} labelled target"
        " images. <i>oracle</i> "
    )
    note = f"<p class='hint'>{note}p is the probability of the true class.</p>"
    return f"<article><h3>{escape(flipped.after)}</h3>{note}{''.join(rows)}</article>"


def _row(shown: pd.DataFrame, run: Run, flipped: Flipped) -> str:
    if shown.empty:
        return ""
    pictures, problem = _pictures(run, shown.index.tolist())
    figures = []
    for sample_id, row in shown.iterrows():
        name, kind = escape(str(sample_id)), escape(run.classes[int(row["label"])])
        picture = ""
        if str(sample_id) in pictures:
            alt = f"Target galaxy {name}, a {kind}"
            picture = f"<img alt='{alt}' src='{pictures[str(sample_id)]}'>"
        words = (
            f"{escape(flipped.before)} p {row['before']:.2f}<br>{escape(flipped.after)} p"
            f" {row['after']:.2f}"
        )
        figures.append(
            f"<figure>{picture}<figcaption><b>{name}</b><br>{kind}<br>{words}</figcaption></figure>"
        )
    note = f"<p class='hint'>Without images: {escape(problem)}</p>" if problem else ""
    return f"<div class='pictures'>{''.join(figures)}</div>{note}"


def _pictures(run: Run, sample_ids: list[Any]) -> tuple[dict[str, str], str]:
    """Images by sample_id as data URIs, and why there are none."""
    from daexplore.data import open_described
    from daexplore.data.rgb import to_rgb

    try:
        galaxies = open_described(run.info["data"]["target"])
        pixels = np.asarray(galaxies.images[galaxies.rows(sample_ids)])
        images = to_rgb(pixels, galaxies.bands, origin=galaxies.origin)
    except InputError as error:
        return {}, str(error)
    return {
        str(name): data_uri(galaxy_png(image))
        for name, image in zip(sample_ids, images, strict=True)
    }, ""


def _called(run: Run, split: str) -> pd.DataFrame:
    found = run.evaluation()
    rows = np.flatnonzero(found.mask("target", split) & (found.labels >= 0))
    labels = found.labels[rows]
    return pd.DataFrame(
        {
            "label": labels,
            "right": found.probabilities[rows, labels],
            "correct": found.predicted[rows] == labels,
        },
        index=pd.Index(found.sample_ids[rows].astype(str), name="sample_id"),
    )
