"""The galaxies that each network holds to be most like the tapped one."""

import contextlib
from collections.abc import Callable
from html import escape

import numpy as np
from numpy.typing import NDArray

from daexplore.app.glossary import explained, term
from daexplore.app.guard import guarded
from daexplore.app.images import galaxy_images
from daexplore.app.pictures import Pictures
from daexplore.app.scene import Scene
from daexplore.app.session import Session
from daexplore.app.state import ExplorerState
from daexplore.app.style import STYLE
from daexplore.errors import InputError
from daexplore.views.images import data_uri, galaxy_png
from daexplore.views.style import DOMAIN_COLORS

__all__ = ["Neighbours", "nearest"]

COUNT = 5


def nearest(scene: Scene, row: int, count: int = COUNT) -> NDArray[np.int64]:
    """The rows nearest to one in the whole latent (Euclidean), nearest first, of the galaxies asked for; images of itself are left out."""
    found = scene.evaluation
    others = np.flatnonzero(scene.inside & (found.group_ids != found.group_ids[row]))
    if not len(others):
        return others
    difference = found.latents[others] - found.latents[row]
    squared = np.einsum("nd,nd->n", difference, difference)
    chosen = np.argpartition(squared, min(count, len(squared)) - 1)[:count]
    return np.asarray(others[chosen[np.argsort(squared[chosen], kind="stable")]], np.int64)


class Neighbours:
    """One line of small pictures a run; any of them can be picked.

    Args:
        state: whose galaxy.
        scenes: the panels' scenes, asked for whenever the lines are drawn.
        session: a tap does not wait for them.
    """

    def __init__(self, state: ExplorerState, scenes: Callable[[], list[Scene]], session: Session) -> None:
        self._state, self._scenes, self._session = state, scenes, session
        pick = guarded(state, session.together(lambda galaxy: state.param.update(galaxy=galaxy)))
        self.view = Pictures(pick, stylesheets=[STYLE], sizing_mode="stretch_width", margin=(14, 0, 0, 0))

    def draw(self) -> None:
        """Shows the neighbours of the galaxy on screen, once the visitor's hand rests."""
        self._session.settled("neighbours", guarded(self._state, self._draw))

    def _draw(self) -> None:
        lines = []
        for scene in self._scenes():
            row = scene.row_of(self._state.galaxy)
            if row is not None:
                lines.append(_line(scene, row))
        head = f"<b>{term('nearest in the latent', 'Nearest in each latent')}</b>" if lines else ""
        self.view.object = explained(f"{head}{''.join(lines)}")


def _line(scene: Scene, row: int) -> str:
    found = scene.evaluation
    rows = nearest(scene, row)
    same = sum(int(found.domain[other] == found.domain[row]) for other in rows)
    words = f"{same} of {len(rows)} from the same domain"
    pictures = "".join(_picture(scene, int(other), image) for other, image in zip(rows, _images(scene, rows), strict=True))
    return f"<div class='near'><span>{escape(scene.label)}<small>{words}</small></span>{pictures}</div>"


def _images(scene: Scene, rows: NDArray[np.int64]) -> list[NDArray[np.uint8] | None]:
    """Of each row, read at once for each domain; None where they are not at hand."""
    found: dict[int, NDArray[np.uint8]] = {}
    for domain in ("source", "target"):
        here = [int(row) for row in rows if scene.evaluation.domain[row] == domain]
        with contextlib.suppress(InputError, OSError):
            found |= zip(here, galaxy_images(scene.run, domain, scene.evaluation.sample_ids[here].tolist()), strict=True) if here else {}
    return [found.get(int(row)) for row in rows]


def _picture(scene: Scene, row: int, image: NDArray[np.uint8] | None) -> str:
    found = scene.evaluation
    name, domain, label = str(found.sample_ids[row]), str(found.domain[row]), int(found.labels[row])
    truth = "unlabelled" if label < 0 else scene.run.classes[label] + (" (oracle)" if domain == "target" else "")
    text = escape(f"{name}: {domain}, {truth}, p {scene.probability[row]:.2f}", quote=True)
    look = f"border-color: {DOMAIN_COLORS[domain]}; border-style: {'solid' if domain == 'source' else 'dashed'}"
    if image is None:
        return f"<span class='near-blank' data-galaxy='{escape(name, quote=True)}' title='{text}' style='{look}'>{escape(domain[0])}</span>"
    source = data_uri(galaxy_png(image))
    return f"<img data-galaxy='{escape(name, quote=True)}' alt='{text}' title='{text}' src='{source}' style='{look}'>"
