"""Settings of random observing conditions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from daexplore.errors import InputError

__all__ = ["DRAWN", "MEASURED", "ConditionsConfig", "named_conditions"]


@dataclass(frozen=True)
class ConditionsConfig:
    """Observing conditions under which each training image is seen, drawn again in each epoch.

    Lengths are in pixels of the network's input. Brightness is in units of an image's peak, its
    99.5th percentile above the background. A range of None and a limit of 0 switch a part off.

    Attributes:
        rotation: whether images are rotated by any angle.
        zoom: range of the magnification: pixel scale and distance.
        shift: largest shift in either direction [pixel].
        blur: range of the width sigma of a Gaussian that broadens the PSF [pixel].
        stretch: images are raised to a power between exp(-stretch) and exp(stretch).
        brightness: factors on the flux of all bands are between exp(-brightness) and its inverse.
        colour: the same of each band by itself: colour and zero-point errors.
        noise: largest deviation of white noise. None takes 0.08, or what the borders of the
            target's images show where that is more.
        background: largest offset and gradient of the sky, in each band.
        saturation: share of the images whose bright pixels are cut off.
        stars: at most so many foreground stars and neighbours, away from the centre.
        measured: whether noise is added until the borders of the images show as much of it as
            those of the target, and images are blurred to the target's PSF where both are known.
    """

    rotation: bool = True
    zoom: tuple[float, float] | None = (0.75, 1.45)
    shift: float = 2.0
    blur: tuple[float, float] | None = (0.05, 1.65)
    stretch: float = 0.6
    brightness: float = 0.4
    colour: float = 0.4
    noise: float | None = None
    background: float = 0.03
    saturation: float = 0.2
    stars: int = 4
    measured: bool = False


DRAWN = ConditionsConfig()
"""Every part over wide ranges; nothing is taken from the target but the limit of its noise."""

MEASURED = ConditionsConfig(
    rotation=False,
    zoom=None,
    shift=0.0,
    blur=None,
    stretch=0.0,
    brightness=0.0,
    colour=0.0,
    noise=0.0,
    background=0.0,
    saturation=0.0,
    stars=0,
    measured=True,
)
"""Only the target's own noise and PSF, measured on its unlabelled images."""


def named_conditions(kinds: Sequence[str]) -> ConditionsConfig | None:
    """Conditions by the words of the command line: "drawn" (in a method's name "conditions"),
    "measured", both, or "none".

    Raises:
        InputError: another word, or "none" beside one of them.
    """
    named = {"drawn": DRAWN, "conditions": DRAWN, "measured": MEASURED, "none": None}
    unknown = [kind for kind in kinds if kind not in named]
    chosen = [named[kind] for kind in kinds if kind in named]
    if unknown or (None in chosen and len(chosen) > 1):
        raise InputError(
            "--conditions must be drawn, measured, drawn+measured or none; got"
            f" {'+'.join(kinds)!r}."
        )
    if DRAWN in chosen and MEASURED in chosen:
        return replace(DRAWN, measured=True)
    return chosen[0]
