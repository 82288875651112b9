"""Galleries of the galaxies at both extremes of the witness."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from daexplore.app.components.galaxy_images import galaxy_image
from daexplore.app.core.cache import LRUCache
from daexplore.app.core.compute import Task
from daexplore.app.theme import STYLE
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.utils.files import static_text
from daexplore.views.images import data_uri, galaxy_png
from daexplore.views.style import DOMAIN_COLORS

if TYPE_CHECKING:
    import pandas as pd

    from daexplore.engine.distance.domain_distance import DomainDistance

__all__ = [
    "DISTANCE_STYLES",
    "PER_GALLERY",
    "WitnessExtreme",
    "extremes",
    "galleries_html",
    "pictures_task",
    "witnessed",
]

DISTANCE_STYLES = [STYLE, static_text("app", "distance.css")]
"""Style sheets of the tab's panes."""

PER_GALLERY = 8
_TITLES = {"most_source_like": "Most source-like", "most_target_like": "Most target-like"}
_pictures: LRUCache[dict[str, tuple[str, str]]] = LRUCache(64)


@dataclass(frozen=True)
class WitnessExtreme:
    """A galaxy at an end of the witness.

    Attributes:
        sample_id: which.
        domain: "source" or "target".
        witness: its value, positive where the source is denser.
        called: name of the class the network calls it.
    """

    sample_id: str
    domain: str
    witness: float
    predicted_class: str


def extremes(
    found: "DomainDistance", classes: Sequence[str], domains: str = "both", count: int = PER_GALLERY
) -> dict[str, list[WitnessExtreme]]:
    """ "most_source_like" and "most_target_like" -> the galaxies with the largest and the smallest
    witness, the extreme one first.

    Args:
        found: of one run and epoch.
        classes: names of the labels.
        domains: "both", "source" or "target": among whose galaxies.
        count: how many.
    """
    ordered = _among(found, domains).sort_values("witness", kind="stable", ascending=False)
    ends = {
        "most_source_like": ordered.iloc[:count],
        "most_target_like": ordered.iloc[::-1].iloc[:count],
    }
    return {
        name: [
            WitnessExtreme(
                str(key), str(row["domain"]), float(row["witness"]), classes[int(row["predicted"])]
            )
            for key, row in part.to_dict("index").items()
        ]
        for name, part in ends.items()
    }


def witnessed(found: "DomainDistance", domains: str = "both") -> int:
    """How many images have a witness, the extreme ones among them."""
    return len(_among(found, domains))


def _among(found: "DomainDistance", domains: str) -> "pd.DataFrame":
    table = found.witness.dropna(subset=["witness"])
    return table if domains == "both" else table[table["domain"] == domains]


def pictures_task(run: Run, galaxies: Sequence[WitnessExtreme], label: str) -> Task:
    """The images of these galaxies: sample_id -> (data URI, "") or ("", why there is none)."""
    data = run.info["data"]
    sets = tuple(
        str(data[domain].get(name))
        for domain in DOMAINS
        for name in ("path", "label", "prefix", "fingerprint")
    )
    wanted = {each.sample_id: each.domain for each in galaxies}
    return Task(
        _pictures,
        (*sets, *sorted(wanted)),
        "pictures",
        f"{label}: images",
        partial(_draw, run, wanted),
    )


def _draw(run: Run, wanted: dict[str, str]) -> dict[str, tuple[str, str]]:
    found = {}
    for sample_id, domain in wanted.items():
        try:
            found[sample_id] = data_uri(galaxy_png(galaxy_image(run, domain, sample_id))), ""
        except (InputError, OSError) as error:
            found[sample_id] = "", str(error)
    return found


def galleries_html(
    label: str,
    about: str,
    ends: dict[str, list[WitnessExtreme]],
    pictures: dict[str, tuple[str, str]] | None,
    total: int,
    chosen: str | None,
) -> str:
    """Both galleries of a run as markup for ``ClickableHTML``.

    Args:
        label: the run's.
        about: epoch and split.
        ends: see :func:`extremes`.
        pictures: see :func:`pictures_task`; None while they are being read.
        total: galaxies that have a witness.
        chosen: sample_id of the galaxy that is marked.
    """
    parts = [f"<h3>{escape(label)} <small>{escape(about)}</small></h3>"]
    for name, galaxies in ends.items():
        cells = "".join(_cell(each, pictures, each.sample_id == chosen) for each in galaxies)
        title = _TITLES[name]
        group = f"role='group' aria-label='{title} galaxies of {escape(label, quote=True)}'"
        parts.append(
            f"<h4>{title} <small>{len(galaxies)} of {total} images</small></h4><div class='gallery'"
            f" {group}>{cells}</div>"
        )
    return f"<section>{''.join(parts)}</section>"


def _cell(galaxy: WitnessExtreme, pictures: dict[str, tuple[str, str]] | None, chosen: bool) -> str:
    sample_id, value = (
        escape(galaxy.sample_id, quote=True),
        f"{galaxy.witness:+.3f}".replace("-", "−"),
    )
    text = (
        f"{sample_id}, {galaxy.domain}, predicted {escape(galaxy.predicted_class, quote=True)},"
        f" witness {value}"
    )
    uri, note = (
        ("", "reading …") if pictures is None else pictures.get(galaxy.sample_id, ("", "reading …"))
    )
    picture = (
        f"<img alt='{text}' src='{uri}'>"
        if uri
        else f"<span class='blank' role='img' aria-label='{text}'>{escape(note)}</span>"
    )
    return (
        f"<div class='galaxy' data-galaxy='{sample_id}' aria-pressed='{str(chosen).lower()}'"
        f" title='{text}'>{picture}<span"
        f" class='name'>{sample_id.replace('/', '/<wbr>')}</span><span class='of' style='--hue:"
        f" {DOMAIN_COLORS[galaxy.domain]}'>{galaxy.domain} {value}</span></div>"
    )
