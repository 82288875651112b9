"""Positions of galaxies in a latent plot: margin plane, principal components or UMAP."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.processes import submit_process
from daexplore.app.latents.umap import aligned_file, compute_aligned, compute_umap, umap_file
from daexplore.runs import Run

__all__ = ["CAPTIONS", "Embeddings", "change_token", "coordinates", "margin_plane", "submit_umap"]

CAPTIONS = {
    "plane": (
        "x: signed distance of the latent to the decision hyperplane, in units of the source's"
        " within-class spread. y: how target-like a linear probe that may not use x finds it. Both"
        " mean the same in every run and epoch."
    ),
    "pca": (
        "The two directions of largest variance of each network's own latents: compare shapes"
        " between runs, not positions or axes."
    ),
    "umap": (
        "UMAP keeps neighbourhoods: distances and gaps on it are not distances, and no two maps"
        " share axes. Numbers are shown with it."
    ),
    "aligned": (
        "UMAPs of all epochs of a run, each of its own latents, laid out together so that a galaxy"
        " stays near its place; each run is turned as a whole: the second class rather to the"
        " right, the target rather up. Distances and gaps on it are not distances."
    ),
}


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Positions of all n galaxies of an evaluation, in its row order.

    Attributes:
        kind: "plane", "pca", "umap" or "aligned".
        x: (n,) float32.
        y: (n,) float32.
        threshold_x: where the decision boundary at a probability threshold is on x; None where
            it is no vertical line.
        probe_auc: how well a linear probe distinguishes the domains in the whole latent space; NaN
            where not computed.
        axes: labels of x and y.
    """

    kind: str
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    axes: tuple[str, str]
    threshold_x: Callable[[float], float] | None = None
    probe_auc: float = float("nan")


_planes: LRUCache[Embeddings] = LRUCache(64)
_projections: LRUCache[Embeddings] = LRUCache(64)
_groups: LRUCache[NDArray[np.int64]] = LRUCache(8)


def change_token(run: Run, epoch: int) -> tuple[Any, ...]:
    """What a result for this run and epoch is kept under: a run resumed from an earlier epoch
    writes its later ones again.
    """
    file = run.path / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet"
    stat = file.stat() if file.exists() else None
    return str(run.path), epoch, stat and stat.st_mtime_ns, stat and stat.st_size


def coordinates(run: Run, epoch: int, view: str, pair: tuple[int, int] = (0, 1)) -> Embeddings:
    """The positions available for a view: of UMAPs those already computed, else the principal
    components meanwhile.
    """
    if view == "plane":
        return margin_plane(run, epoch, pair)
    if view in _UMAPS:
        found = _kept(run, epoch, view)
        if found is not None:
            return found
    return _projections.get(("pca", *change_token(run, epoch)), lambda: _pca(run, epoch))


def margin_plane(run: Run, epoch: int, pair: tuple[int, int] = (0, 1)) -> Embeddings:
    """Exact positions relative to the decision boundary between a pair of classes; the second one
    is to the right.
    """
    return _planes.get((*change_token(run, epoch), pair), lambda: _margin_plane(run, epoch, pair))


def submit_umap(run: Run, epoch: int, view: str) -> "Future[Any] | None":
    """The computation of a UMAP that is not available yet, or None if it is, or if the view needs
    none.

    Args:
        run: whose latents.
        epoch: which.
        view: "umap" for that epoch alone, "aligned" for all epochs of the run laid out together.
    """
    if view not in _UMAPS or _kept(run, epoch, view) is not None:
        return None
    evaluated = tuple(run.evaluated)
    stamps = {
        each: change_token(run, each) for each in (evaluated if view == "aligned" else (epoch,))
    }
    future = (
        submit_process("umap", compute_umap, run.path, epoch)
        if view == "umap"
        else submit_process("umap", compute_aligned, run.path, evaluated)
    )

    def keep(done: "Future[Any]") -> None:
        # Where the run's folder cannot be written to this is all that is kept.
        if not done.cancelled() and done.exception() is None:
            for each, key in stamps.items():
                _projections.get((view, *key), partial(_placed, done.result(), run, each, view))

    future.add_done_callback(keep)
    return future


def _margin_plane(run: Run, epoch: int, pair: tuple[int, int]) -> Embeddings:
    from daexplore.analysis.latents.margin_plane import margin_plane as analyse

    found = run.evaluation(epoch)
    weight, bias = run.head(epoch)
    # Numbered once for all epochs and runs: to sort a million names takes longer than the rest.
    groups = _groups.get(found.digest, lambda: np.unique(found.group_ids, return_inverse=True)[1])
    plane = analyse(
        found.latents,
        found.labels,
        found.domain,
        found.split,
        weight,
        bias,
        pair,
        groups=groups,
        logits=found.logits,
    )
    axes = ("distance to boundary [source σ]", "domain probe [source σ]")
    return Embeddings(
        "plane", _single(plane.x), _single(plane.y), axes, plane.threshold_x, float(plane.probe_auc)
    )


def _pca(run: Run, epoch: int) -> Embeddings:
    from daexplore.analysis.latents import projection

    found = run.evaluation(epoch)
    result = projection.pca(found.latents, found.mask("source"))
    xy, explained = result
    first, second = (
        f"PC {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(explained[:2])
    )
    return Embeddings("pca", _single(xy[:, 0]), _single(xy[:, 1]), (first, second))


_UMAPS = {"umap": ("UMAP 1", "UMAP 2"), "aligned": ("aligned UMAP 1", "aligned UMAP 2")}


def _kept(run: Run, epoch: int, view: str) -> Embeddings | None:
    key = view, *change_token(run, epoch)
    found = _projections.peek(key)
    file = umap_file(run.path, epoch) if view == "umap" else aligned_file(run.path)
    outputs = run.path / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet"
    if found is None and file.exists() and file.stat().st_mtime_ns >= outputs.stat().st_mtime_ns:
        frame = pd.read_parquet(file)
        if view == "umap" or (frame["epoch"] == epoch).any():
            return _projections.get(key, lambda: _placed(frame, run, epoch, view))
    return found


def _placed(frame: pd.DataFrame, run: Run, epoch: int, view: str) -> Embeddings:
    rows = frame if view == "umap" else frame[frame["epoch"] == epoch]
    rows = rows.set_index("sample_id").reindex(run.evaluation(epoch).sample_ids)
    return Embeddings(
        view, _single(rows["x"].to_numpy()), _single(rows["y"].to_numpy()), _UMAPS[view]
    )


def _single(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
