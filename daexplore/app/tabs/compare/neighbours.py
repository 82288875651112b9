"""The galaxies that each network holds to be most like the tapped one."""

import contextlib
from collections.abc import Callable
from html import escape

import numpy as np
from numpy.typing import NDArray

from daexplore.app.components.clickable import ClickableHTML, galaxy_clicked
from daexplore.app.components.galaxy_images import galaxy_images
from daexplore.app.core.compute import Compute
from daexplore.app.core.session import Session, show_errors
from daexplore.app.glossary.markup import explained, term
from daexplore.app.latents.view import LatentView
from daexplore.app.state import ExplorerState
from daexplore.app.theme import STYLE
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.views.images import data_uri, galaxy_png
from daexplore.views.style import DOMAIN_COLORS

__all__ = ["Neighbours", "nearest"]

COUNT = 5
_BLOCK = 8192


def nearest(scene: LatentView, row: int, count: int = COUNT) -> NDArray[np.int64]:
    """The rows nearest to one in the whole latent (Euclidean), nearest first, of the galaxies asked
    for; images of itself are left out.
    """
    found = scene.evaluation
    allowed = scene.inside.copy()
    allowed[found.rows_by_group[str(found.group_ids[row])]] = False
    squared = np.full(len(found), np.inf, np.float32)
    # Block by block: the differences of a million galaxies would not stay near the processor.
    for start in range(0, len(found), _BLOCK):
        difference = found.latents[start : start + _BLOCK] - found.latents[row]
        squared[start : start + _BLOCK] = np.einsum("nd,nd->n", difference, difference)
    squared[~allowed] = np.inf
    count = min(count, int(allowed.sum()))
    if not count:
        return np.empty(0, np.int64)
    chosen = np.argpartition(squared, count - 1)[:count]
    return np.asarray(chosen[np.argsort(squared[chosen], kind="stable")], np.int64)


class Neighbours:
    """One line of small pictures a run; any of them can be picked.

    Args:
        state: whose galaxy.
        scenes: the panels' scenes, asked for whenever the lines are drawn.
        session: in which one is picked.
        service: where they are looked for: a tap does not wait for them.
    """

    def __init__(
        self,
        state: ExplorerState,
        scenes: Callable[[], list[LatentView]],
        session: Session,
        service: Compute,
    ) -> None:
        self._state, self._scenes, self._compute = state, scenes, service
        pick = show_errors(state, session.batched(state.select_galaxy))
        self.view = ClickableHTML(
            galaxy_clicked(pick),
            stylesheets=[STYLE],
            sizing_mode="stretch_width",
            margin=(14, 0, 0, 0),
        )

    def draw(self) -> None:
        """Show the neighbours of the galaxy on screen, once the user pauses."""
        self._compute.settle(
            "neighbours", _lines, self._scenes(), self._state.galaxy, then=self._show
        )

    def _show(self, lines: str) -> None:
        self.view.markup = lines


def _lines(scenes: list[LatentView], galaxy: str | None) -> str:
    rows = [(scene, scene.row_of(galaxy)) for scene in scenes]
    lines = [_line(scene, row) for scene, row in rows if row is not None]
    head = (
        f"<b>{term('nearest in the latent', 'Nearest neighbours in latent space')}</b>"
        if lines
        else ""
    )
    return explained(f"{head}{''.join(lines)}")


def _line(scene: LatentView, row: int) -> str:
    found = scene.evaluation
    rows = nearest(scene, row)
    same = sum(int(found.domain[other] == found.domain[row]) for other in rows)
    words = f"{same} of {len(rows)} from the same domain"
    pictures = "".join(
        _picture(scene, int(other), image)
        for other, image in zip(rows, _images(scene, rows), strict=True)
    )
    return (
        "<div"
        f" class='near'><span>{escape(scene.label)}<small>{words}</small></span>{pictures}</div>"
    )


def _images(scene: LatentView, rows: NDArray[np.int64]) -> list[NDArray[np.uint8] | None]:
    """Of each row, read at once for each domain; None where they are not available."""
    found: dict[int, NDArray[np.uint8]] = {}
    for domain in DOMAINS:
        here = [int(row) for row in rows if scene.evaluation.domain[row] == domain]
        with contextlib.suppress(InputError, OSError):
            found |= (
                zip(
                    here,
                    galaxy_images(scene.run, domain, scene.evaluation.sample_ids[here].tolist()),
                    strict=True,
                )
                if here
                else {}
            )
    return [found.get(int(row)) for row in rows]


def _picture(scene: LatentView, row: int, image: NDArray[np.uint8] | None) -> str:
    found = scene.evaluation
    name, domain, label = str(found.sample_ids[row]), str(found.domain[row]), int(found.labels[row])
    truth = (
        "unlabelled"
        if label < 0
        else scene.run.classes[label] + (" (oracle)" if domain == "target" else "")
    )
    text = escape(f"{name}: {domain}, {truth}, p {scene.probability[row]:.2f}", quote=True)
    look = (
        f"border-color: {DOMAIN_COLORS[domain]}; border-style:"
        f" {'solid' if domain == 'source' else 'dashed'}"
    )
    if image is None:
        return (
            f"<span class='near-blank' data-galaxy='{escape(name, quote=True)}' title='{text}'"
            f" style='{look}'>{escape(domain[0])}</span>"
        )
    source = data_uri(galaxy_png(image))
    return (
        f"<img data-galaxy='{escape(name, quote=True)}' alt='{text}' title='{text}' src='{source}'"
        f" style='{look}'>"
    )
