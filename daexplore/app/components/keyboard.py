"""Keyboard shortcuts, and navigation from galaxy to galaxy by predicted probability."""

from collections.abc import Callable
from typing import Any

import numpy as np
import param
from numpy.typing import NDArray
from panel.custom import JSComponent

from daexplore.app.latents.view import LatentView
from daexplore.utils.files import static_text

__all__ = ["GalaxyNavigator", "KeyboardShortcuts"]


class KeyboardShortcuts(JSComponent):  # type: ignore[misc]
    """Listens to the whole page's keyboard; a key pressed in a field or a slider is theirs.

    Args:
        on_key: called with "ArrowLeft" and the like, or " ".
        keys: the keys that are listened to.
    """

    keys = param.List(default=[], item_type=str)

    _esm = static_text("app", "keyboard.js")

    def __init__(self, on_key: Callable[[str], Any], **params: Any) -> None:
        super().__init__(**params)
        self._on_key = on_key

    def _handle_msg(self, message: dict[str, Any]) -> None:
        key = message.get("key") if isinstance(message, dict) else None
        if isinstance(key, str) and key in self.keys:
            self._on_key(key)


class GalaxyNavigator:
    """Keeps the order of the last scene and selection it was asked about."""

    def __init__(self) -> None:
        self._scene: LatentView | None = None
        self._selection: frozenset[str] | None = None
        self._rows: NDArray[np.int64] = np.empty(0, np.int64)

    def step(
        self, scene: LatentView, selection: frozenset[str] | None, galaxy: str | None, by: int
    ) -> str | None:
        """The galaxy ``by`` places further on among the selected ones of the scene, or among all
        where none is selected.

        The ends are where it stops. From a galaxy that is not on the way, the next one in the
        direction is taken; from none, the first.

        Returns:
            A sample_id, or None where there is nothing to walk.
        """
        if scene is not self._scene or selection is not self._selection:
            self._scene, self._selection, self._rows = scene, selection, _order(scene, selection)
        if not len(self._rows):
            return None
        row = scene.row_of(galaxy)
        if row is None:
            return str(scene.evaluation.sample_ids[self._rows[0]])
        found = np.flatnonzero(self._rows == row)
        beside = int(np.searchsorted(scene.probability[self._rows], scene.probability[row])) - (
            by < 0
        )
        place = int(found[0]) + by if len(found) else beside
        return str(scene.evaluation.sample_ids[self._rows[min(max(place, 0), len(self._rows) - 1)]])


def _order(scene: LatentView, selection: frozenset[str] | None) -> NDArray[np.int64]:
    inside = scene.inside if selection is None else scene.inside & scene.mask_of(selection)
    rows = np.flatnonzero(inside)
    return rows[np.argsort(scene.probability[rows], kind="stable")]
