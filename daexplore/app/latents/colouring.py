"""Colours of points: domain, probability, witness or a catalogue column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.app.catalogue_columns import COLUMN, column_values, is_numeric
from daexplore.app.latents.view import LatentView
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL

__all__ = ["Colouring", "paint"]

_CATEGORIES = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#F0E442",
    "#999999",
)
Witness = Callable[[LatentView], NDArray[np.float64] | None]


@dataclass(frozen=True)
class Colouring:
    """The hues of all panels.

    Attributes:
        colours: one list a scene, of its drawn points.
        legend: what they mean, as markup.
        outlined: whether the points' outline shows the domain, since the hue shows something
            else.
    """

    colours: list[list[str]]
    legend: str
    outlined: bool = True


def paint(scenes: Sequence[LatentView], colour: str, witness: Witness) -> Colouring:
    """The hues for what ``ExplorerState.colour`` says.

    Args:
        scenes: one a panel.
        colour: "domain", "probability", "witness" or "column:<name>".
        witness: (n,) values of a scene's galaxies, None while they are being computed.

    Raises:
        InputError: a column that a run's galaxies do not have.
    """
    if not scenes or colour == "domain":
        swatches = "".join(
            _swatch(hue, domain) for domain, hue in DOMAIN_COLORS.items() if domain != "both"
        )
        return Colouring([scene.domain_colours for scene in scenes], swatches, outlined=False)
    if colour == "probability":
        second = scenes[0].run.classes[scenes[0].pair[1]]
        return _scaled(
            [scene.probability[scene.rows] for scene in scenes], (0.0, 1.0), f"p({second})"
        )
    if colour == "witness":
        return _witness(scenes, [witness(scene) for scene in scenes])
    name = colour.removeprefix(COLUMN)
    values = [
        column_values(scene.run, scene.evaluation.sample_ids[scene.rows], name) for scene in scenes
    ]
    if not is_numeric(values[0]):
        return _categories(values, name)
    numbers = [
        pd.to_numeric(each, errors="coerce").to_numpy(float, na_value=np.nan) for each in values
    ]
    return _scaled(numbers, _limits(numbers), name)


def _witness(
    scenes: Sequence[LatentView], values: Sequence[NDArray[np.float64] | None]
) -> Colouring:
    """Diverging about 0, where both domains are equally dense. Each network has a latent space and
    bandwidths of its own.
    """
    title = "witness (each run's own scale): target-like"
    if any(each is None for each in values):
        return Colouring(
            [[NEUTRAL] * len(scene.rows) for scene in scenes], f"<span>{title}: computing …</span>"
        )
    drawn = [
        each[scene.rows] for scene, each in zip(scenes, values, strict=True) if each is not None
    ]
    scaled = [
        each
        / max(float(np.nanpercentile(np.abs(each), 99)) if np.isfinite(each).any() else 1.0, 1e-30)
        for each in drawn
    ]
    return _scaled(scaled, (-1.0, 1.0), title, ends=("", "source-like"), diverging=True)


def _scaled(
    values: Sequence[NDArray[np.floating[Any]]],
    limits: tuple[float, float],
    title: str,
    ends: tuple[str, str] | None = None,
    diverging: bool = False,
) -> Colouring:
    palette = _diverging() if diverging else _sequential()
    low, high = limits
    colours, missing = [], 0
    for each in values:
        level = np.clip((each - low) / (high - low or 1.0), 0, 1)
        known = np.isfinite(level)
        missing += int((~known).sum())
        places = np.rint(np.where(known, level, 0) * (len(palette) - 1)).astype(int)
        hues = np.array(palette, object)[places]
        hues[~known] = NEUTRAL
        colours.append(hues.tolist())
    ramp = f"linear-gradient(90deg, {', '.join(palette[:: len(palette) // 8])})"
    absent = f" {_swatch(NEUTRAL, 'no value')}" if missing else ""
    first, last = ends or (f"{low:.3g}", f"{high:.3g}")
    scale = (
        f"<span>{escape(title)} {first} <span class='ramp' style='background: {ramp}'></span>"
        f" {last}</span>"
    )
    return Colouring(colours, f"{scale}{absent}{_outlines()}")


def _categories(values: Sequence["pd.Series[Any]"], title: str) -> Colouring:
    names = sorted({str(value) for each in values for value in each.dropna().unique()})
    hues = {name: _CATEGORIES[i % len(_CATEGORIES)] for i, name in enumerate(names)}
    colours = [
        [
            hues[str(value)] if known else NEUTRAL
            for value, known in zip(each, each.notna(), strict=True)
        ]
        for each in values
    ]
    absent = _swatch(NEUTRAL, "no value") if any(each.isna().any() for each in values) else ""
    swatches = "".join(_swatch(hue, name) for name, hue in hues.items())
    return Colouring(colours, f"<span>{escape(title)}:</span>{swatches}{absent}{_outlines()}")


def _limits(numbers: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """All but the outermost hundredth, so that one odd value does not take the scale."""
    known = np.concatenate([each[np.isfinite(each)] for each in numbers])
    if not len(known):
        return 0.0, 1.0
    low, high = np.percentile(known, [1, 99])
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def _sequential() -> list[str]:
    from bokeh.palettes import Cividis256

    return list(Cividis256)


def _diverging() -> list[str]:
    """From the target's hue by a middle grey to the source's."""
    ends = [
        np.array([int(DOMAIN_COLORS[name][i : i + 2], 16) for i in (1, 3, 5)], float)
        for name in ("target", "source")
    ]
    middle = np.array([200.0, 200.0, 200.0])
    steps = np.linspace(-1, 1, 129)
    mixed = [middle + abs(step) * (ends[0 if step < 0 else 1] - middle) for step in steps]
    return ["#" + "".join(f"{round(part):02x}" for part in colour) for colour in mixed]


def _swatch(colour: str, text: str) -> str:
    shape = f"<rect width='12' height='12' rx='2' fill='{colour}'/>"
    return (
        f"<span><svg width='12' height='12' aria-hidden='true'>{shape}</svg>{escape(text)}</span>"
    )


def _outlines() -> str:
    ring = (
        "<svg width='12' height='12' aria-hidden='true'><circle cx='6' cy='6' r='5' fill='none'"
        " stroke='{}' stroke-width='2'/></svg>"
    )
    return "".join(
        f"<span>{ring.format(hue)}{domain}</span>"
        for domain, hue in DOMAIN_COLORS.items()
        if domain != "both"
    )
