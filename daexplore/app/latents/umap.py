"""UMAP of a run's latents, computed in a child process and cached in the run folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.latents import projection
from daexplore.errors import InputError
from daexplore.runs import Evaluation, Run
from daexplore.utils.files import write_if_possible

__all__ = ["MOST_ALIGNED", "aligned_file", "compute_aligned", "compute_umap", "umap_file"]

MOST_ALIGNED = 60_000
"""So many places, galaxies times epochs, are laid out together at most: more take hours."""


def umap_file(run_path: Path, epoch: int) -> Path:
    """Where the UMAP of an epoch's latents is kept."""
    return run_path / "derived" / f"umap-epoch={epoch:04d}.parquet"


def aligned_file(run_path: Path) -> Path:
    """Where the UMAPs of all epochs, laid out together, are kept."""
    return run_path / "derived" / "umap-aligned.parquet"


def compute_umap(run_path: Path, epoch: int) -> pd.DataFrame:
    """Columns sample_id, x, y of one epoch; kept, if the folder can be written to."""
    found = Run(run_path).evaluation(epoch)
    return _kept(
        _frame(found, np.asarray(projection.umap(found.latents, seed=0), np.float32)),
        umap_file(run_path, epoch),
    )


def compute_aligned(run_path: Path, evaluated: tuple[int, ...] = ()) -> pd.DataFrame:  # noqa: ARG001
    """Columns epoch, sample_id, x, y of all evaluated epochs; kept too.

    A UMAP can be turned and mirrored at will. All epochs are turned alike, so that the selected one
    agrees best with its margin plane: towards the second class is to the right and towards the
    target is up, in every run.

    Args:
        run_path: folder of the run.
        evaluated: the epochs that it has evaluated by now; a later request with more of them is
            another one.

    Raises:
        InputError: nothing was evaluated, or more than can be laid out together.
    """
    from daexplore.analysis.latents.margin_plane import margin_plane

    run = Run(run_path)
    epochs, shown = run.evaluated, run.selected_epoch
    if not epochs or shown is None:
        raise InputError(f"Run {run.id} has no evaluated epoch yet; wait for its first one.")
    found = [run.evaluation(epoch) for epoch in epochs]
    places = sum(map(len, found))
    if places > MOST_ALIGNED:
        raise InputError(
            f"{run.label} has {places} places to lay out together (galaxies times epochs), more"
            f" than {MOST_ALIGNED}: choose UMAP instead, which takes each epoch for itself."
        )
    maps = projection.aligned_umap(
        [each.latents for each in found], [each.sample_ids for each in found]
    )
    last = found[epochs.index(shown)]
    plane = margin_plane(
        last.latents,
        last.labels,
        last.domain,
        last.split,
        *run.head(shown),
        groups=last.group_ids,
        logits=last.logits,
    )
    turned = projection.rotate_to(maps, epochs.index(shown), np.stack([plane.x, plane.y], axis=1))
    return _kept(_frames(epochs, found, turned), aligned_file(run_path))


def _frames(
    epochs: Sequence[int], found: Sequence[Evaluation], maps: Sequence[NDArray[np.float32]]
) -> pd.DataFrame:
    parts = [
        _frame(each, xy).assign(epoch=epoch)
        for epoch, each, xy in zip(epochs, found, maps, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)[["epoch", "sample_id", "x", "y"]]


def _frame(found: Evaluation, xy: NDArray[np.float32]) -> pd.DataFrame:
    return pd.DataFrame({"sample_id": found.sample_ids, "x": xy[:, 0], "y": xy[:, 1]})


def _kept(frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    with write_if_possible(file) as temporary:
        frame.to_parquet(temporary, index=False)
    return frame
