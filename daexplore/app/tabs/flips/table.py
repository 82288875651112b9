"""Table of changed predictions: sorted, paged and saved as CSV."""

import csv
from typing import Any

import numpy as np
import pandas as pd

from daexplore.app.latents.embeddings import margin_plane
from daexplore.app.results.outcomes import FlipsState, PredictionChanges

__all__ = ["PAGE", "flip_table", "flips_csv", "sorted_table", "table_page"]

PAGE = 15
"""Lines of the table that are shown at once."""

_OWN = ("domain", "split", "label")


def flip_table(found: PredictionChanges) -> pd.DataFrame:
    """One line a galaxy that changes prediction between the first run and at least one other, the
    largest change of probability first.

    Returns:
        Columns sample_id, group_id, domain, true class; for each run "p NAME", the probability of
        the pair's second class, and "distance NAME", the signed distance to the decision boundary
        at the threshold [source σ], positive on the second class's side; for each run but the first
        "flip NAME", what becomes of the galaxy; then the catalogue's columns.
    """
    rows = np.flatnonzero(found.flipped)
    change = np.abs(found.probability[1:, rows] - found.probability[0, rows]).max(
        axis=0, initial=0.0
    )
    rows = rows[np.argsort(-change, kind="stable")]
    ids, labels = found.sample_ids[rows], found.labels[rows]
    columns: dict[str, Any] = {
        "sample_id": ids,
        "group_id": found.groups[rows],
        "domain": found.domain,
        "true class": [found.classes[label] if label >= 0 else "" for label in labels.tolist()],
    }
    for place, name in enumerate(found.names):
        columns[f"p {name}"] = found.probability[place, rows]
    for place, name in enumerate(found.names):
        columns[f"distance {name}"] = _distance(found, place, ids)
    for place, name in enumerate(found.names[1:], start=1):
        columns[f"flip {name}"] = found.kinds(place)[rows]
    catalogue = found.runs[0].samples.drop(columns=[*_OWN, "group_id"]).reindex(pd.Index(ids))
    known = {
        column if column not in columns else f"{column} (catalogue)": catalogue[column].to_numpy()
        for column in catalogue.columns
    }
    return pd.DataFrame(columns | known, index=pd.RangeIndex(len(rows)))


def sorted_table(table: pd.DataFrame, choice: FlipsState) -> pd.DataFrame:
    """The table in the order chosen; equal lines keep theirs, missing values come last."""
    if choice.order not in table.columns:
        return table
    return table.sort_values(
        choice.order,
        ascending=not choice.descending,
        kind="stable",
        na_position="last",
        ignore_index=True,
    )


def table_page(table: pd.DataFrame, number: int) -> tuple[int, int, pd.DataFrame]:
    """The number of a page that exists, from 0, how many there are, and its lines."""
    pages = max(-(-len(table) // PAGE), 1)
    number = min(max(number, 0), pages - 1)
    return number, pages, table.iloc[number * PAGE : (number + 1) * PAGE]


def flips_csv(found: PredictionChanges, table: pd.DataFrame) -> str:
    """The table as CSV. Lines that begin with # say what it is of: ``pandas.read_csv(file,
    comment="#")`` reads past them.
    """
    followed = (
        "right or wrong (oracle: labels of the target)"
        if found.oracle
        else "right or wrong"
        if found.by == "truth"
        else "predicted class"
    )
    head = [
        (
            f"galaxies that flip between {found.names[0]} and at least one other run: {len(table)}"
            f" of {len(found)}"
        ),
        f"followed: {followed}",
        f"domain: {found.domain}",
        f"split: {found.split}",
        f"threshold: {found.threshold:g}" if len(found.classes) == 2 else f"rule: {found.rule}",
        f"p: probability of {found.classes[found.pair[1]]} against {found.classes[found.pair[0]]}",
        "distance: signed distance to the decision boundary at the threshold [source sigma]",
        *(
            f"run: {name} = {run.id}, epoch {epoch}"
            for name, run, epoch in zip(found.names, found.runs, found.epochs, strict=True)
        ),
    ]
    comment = "".join(f"# {line}\n" for line in (" ".join(line.split()) for line in head))
    # Quoted, a # within a name does not begin a comment.
    return comment + table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def _distance(found: PredictionChanges, place: int, ids: Any) -> Any:
    run, epoch = found.runs[place], found.epochs[place]
    plane = margin_plane(run, epoch, found.pair)
    rows = pd.Index(run.evaluation(epoch).sample_ids).get_indexer(pd.Index(ids))
    # Of more than two classes the threshold decides nothing: the boundary is where both of the pair
    # are as probable.
    boundary = (
        plane.threshold_x(found.threshold)
        if plane.threshold_x is not None and len(found.classes) == 2
        else 0.0
    )
    return plane.x[rows].astype(np.float64) - boundary
