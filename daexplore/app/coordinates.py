"""Where the galaxies of an evaluation lie in a panel: margin plane, principal components or UMAP."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.app import workers
from daexplore.app.cache import Memo
from daexplore.runs import Run

__all__ = ["CAPTIONS", "Coordinates", "coordinates", "margin_plane", "projected_umap", "stamp"]

CAPTIONS = {
    "plane": (
        "x: signed distance of the latent to the decision hyperplane, in units of the source's within-class spread. "
        "y: how target-like a linear probe that may not use x finds it. Both mean the same in every run and epoch."
    ),
    "pca": "The two directions of largest variance of each network's own latents: compare shapes between runs, not positions or axes.",
    "umap": "UMAP keeps neighbourhoods: distances and gaps on it are not distances, and no two maps share axes. Numbers stand beside it.",
}


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Positions of all n galaxies of an evaluation, in its row order.

    Attributes:
        kind: "plane", "pca" or "umap".
        x: (n,) float32.
        y: (n,) float32.
        threshold_x: where the decision boundary at a probability threshold stands on x; None where it is no vertical line.
        probe_auc: how well a linear probe tells the domains apart in the whole latent space; NaN where not computed.
        axes: labels of x and y.
    """

    kind: str
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    axes: tuple[str, str]
    threshold_x: Callable[[float], float] | None = None
    probe_auc: float = float("nan")


_planes: Memo[Coordinates] = Memo(64)
_projections: Memo[Coordinates] = Memo(64)


def stamp(run: Run, epoch: int) -> tuple[Any, ...]:
    """What a result for this run and epoch is kept under: a run resumed from an earlier epoch writes its later ones anew."""
    file = run.path / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet"
    stat = file.stat() if file.exists() else None
    return str(run.path), epoch, stat and stat.st_mtime_ns, stat and stat.st_size


def coordinates(run: Run, epoch: int, view: str, pair: tuple[int, int] = (0, 1)) -> Coordinates:
    """The positions at hand for a view: for "umap" those already computed, else the principal components meanwhile."""
    if view == "plane":
        return margin_plane(run, epoch, pair)
    if view == "umap":
        found = _kept_umap(run, epoch)
        if found is not None:
            return found
    return _projections.get(("pca", *stamp(run, epoch)), lambda: _pca(run, epoch))


def margin_plane(run: Run, epoch: int, pair: tuple[int, int] = (0, 1)) -> Coordinates:
    """Exact positions relative to the decision boundary between a pair of classes; the second one lies to the right."""
    return _planes.get((*stamp(run, epoch), pair), lambda: _margin_plane(run, epoch, pair))


def projected_umap(run: Run, epoch: int) -> "Future[Any] | None":
    """The computation of a UMAP that is not at hand yet, or None if it is."""
    return None if _kept_umap(run, epoch) is not None else workers.umap(run.path, epoch)


def _margin_plane(run: Run, epoch: int, pair: tuple[int, int]) -> Coordinates:
    from daexplore.analysis.boundary import margin_plane as analyse

    found = run.evaluation(epoch)
    weight, bias = run.head(epoch)
    plane = analyse(found.latents, found.labels, found.domain, found.split, weight, bias, pair, groups=found.group_ids, logits=found.logits)
    axes = ("distance to boundary [source σ]", "domain probe [source σ]")
    return Coordinates("plane", _single(plane.x), _single(plane.y), axes, plane.threshold_x, float(plane.probe_auc))


def _pca(run: Run, epoch: int) -> Coordinates:
    from daexplore.analysis import projection

    found = run.evaluation(epoch)
    result = projection.pca(found.latents, found.where("source"))
    xy, explained = result
    first, second = (f"PC {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(explained[:2]))
    return Coordinates("pca", _single(xy[:, 0]), _single(xy[:, 1]), (first, second))


def _kept_umap(run: Run, epoch: int) -> Coordinates | None:
    file = workers.umap_file(run.path, epoch)
    outputs = run.path / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet"
    if not file.exists() or file.stat().st_mtime_ns < outputs.stat().st_mtime_ns:
        return None
    return _projections.get(("umap", *stamp(run, epoch), file.stat().st_mtime_ns), lambda: _read_umap(run, epoch))


def _read_umap(run: Run, epoch: int) -> Coordinates:
    import pandas as pd

    frame = pd.read_parquet(workers.umap_file(run.path, epoch)).set_index("sample_id")
    frame = frame.reindex(run.evaluation(epoch).sample_ids)
    return Coordinates("umap", _single(frame["x"].to_numpy()), _single(frame["y"].to_numpy()), ("UMAP 1", "UMAP 2"))


def _single(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
