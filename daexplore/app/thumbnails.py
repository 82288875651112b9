"""Small pictures of galaxies, drawn once and kept."""

from collections.abc import Iterable

from daexplore.app.cache import Memo
from daexplore.app.images import galaxy_image
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.images import data_uri, galaxy_png

__all__ = ["draw_thumbnails", "thumbnail"]

_pictures: Memo[str] = Memo(3000)


def thumbnail(run: Run, domain: str, sample_id: str) -> str | None:
    """The galaxy as a data URI if it was drawn before, else None."""
    return _pictures.peek(_key(run, domain, sample_id))


def draw_thumbnails(run: Run, domain: str, sample_ids: Iterable[str]) -> str:
    """Draws galaxies, for ``thumbnail`` to find; for a thread, since the images may have to be opened first.

    Returns:
        Why one could not be drawn, in a sentence; empty if all were.
    """
    problem = ""
    for sample_id in sample_ids:
        try:
            _pictures.get(_key(run, domain, sample_id), lambda name=sample_id: data_uri(galaxy_png(galaxy_image(run, domain, name))))  # type: ignore[misc]
        except (InputError, OSError) as error:
            problem = str(error)
    return problem


def _key(run: Run, domain: str, sample_id: str) -> tuple[str, ...]:
    about = run.info["data"][domain]
    return *(str(about.get(name)) for name in ("path", "prefix", "fingerprint")), sample_id
