"""Perturbations of images: new observations of simulated galaxies, degraded real images."""

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data import GalaxySet
from daexplore.data.border_noise import border_noise
from daexplore.data.preprocessing.steps.psf import PsfMatch, blur_matrix
from daexplore.data.simulate import (
    PRESETS,
    Optics,
    Preset,
    Seeing,
    SurveyCondition,
    reobserve,
    sky_noise,
)
from daexplore.errors import InputError

__all__ = [
    "DIALS",
    "Perturbation",
    "PerturbationLevel",
    "broadened",
    "can_be_reobserved",
    "chunk_key",
    "dial_steps",
    "exposure_of",
    "relative_noise",
    "rotated",
    "sky_sigma",
]

Array = NDArray[Any]
FWHM = 2 * (2 * np.log(2)) ** 0.5
"""Full width at half maximum over sigma of a Gaussian."""

_GROUP = re.compile(r"(?:.*/)?(?:source|target)/[A-Z](\d+)-\d+")


@dataclass(frozen=True)
class Perturbation:
    """One way in which observations differ.

    Attributes:
        unit: of its levels.
        levels: where it is turned to by default.
        simulated: whether simulated galaxies are observed again, rather than their images degraded.
    """

    unit: str
    levels: tuple[float, ...]
    simulated: bool


DIALS: dict[str, Perturbation] = {
    "psf": Perturbation(
        "FWHM of the added blur [pixel]", (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0), True
    ),
    "depth": Perturbation(
        "sky noise, in units of the target's", (0.0, 0.5, 1.0, 1.4, 2.0, 2.8, 4.0), True
    ),
    "noise": Perturbation(
        "added white noise, in units of the target's sky noise",
        (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0),
        False,
    ),
    "rotation": Perturbation(
        "angle [deg]", (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 180.0, 270.0), False
    ),
}


@dataclass(frozen=True)
class PerturbationLevel:
    """One position of a dial.

    Attributes:
        level: in the dial's unit.
        original: whether the images are there as the run saw them.
        images: from ids (n,) and images as they came (n, C, H, W) to images at this level.
        how: "original", "observed again", "another exposure" or "degraded".
    """

    level: float
    original: bool
    images: Callable[[NDArray[np.object_], Array], Array]
    how: str


def dial_steps(
    dial: str,
    domain: str,
    sets: Mapping[str, GalaxySet],
    noise: Mapping[str, NDArray[np.float64]],
    levels: tuple[float, ...] | None = None,
    seed: int = 0,
    simulated: bool = False,
) -> list[PerturbationLevel]:
    """The positions of a dial for one domain; the original one is always among them, and comes
    first.

    Depth is that of the survey: at level v the sky noise is v times the target's, in the median
    over the bands. Where galaxies are observed again the exposure is the one that gives it, else
    noise is added to what the image has; levels below that are left out.

    Args:
        dial: a key of ``DIALS``.
        domain: "source" or "target".
        sets: both domains.
        noise: (C,) sky noise of each domain, see ``sky_sigma``.
        levels: where to turn it to; None takes the dial's own.
        seed: of added noise; each galaxy has its own stream.
        simulated: whether the sets are a preset's and can be observed again.

    Raises:
        InputError: an unknown dial, a level that cannot be, or noise that cannot be measured.
    """
    if dial not in DIALS:
        raise InputError(f"--dial must be one of {', '.join(DIALS)}; got {dial!r}.")
    chosen = DIALS[dial].levels if levels is None else tuple(sorted(set(map(float, levels))))
    if not all(np.isfinite(level) and (level >= 0 or dial == "rotation") for level in chosen):
        raise InputError(
            f"Levels of the dial {dial!r} ({DIALS[dial].unit}) must be finite and not negative; got"
            f" {chosen}."
        )
    if (
        dial in ("depth", "noise")
        and not (simulated and dial == "depth")
        and not noise["target"].max() > 0
    ):
        raise InputError(
            f"The dial {dial!r} is measured in the target's sky noise, and the borders of its"
            " images have none."
        )
    if dial == "rotation":
        steps = [
            PerturbationLevel(level, False, _turning(level), "degraded")
            for level in chosen
            if level % 360
        ]
        return [_original(0.0), *steps]
    if dial == "noise":
        steps = [
            PerturbationLevel(level, False, _adding(level * noise["target"], seed), "degraded")
            for level in chosen
            if level > 0
        ]
        return [_original(0.0), *steps]
    if simulated and DIALS[dial].simulated:
        return _observed(dial, sets[domain], chosen, seed)
    if dial == "psf":
        return [
            _original(0.0),
            *(
                PerturbationLevel(v, False, _blurring(v, noise[domain], seed), "degraded")
                for v in chosen
                if v > 0
            ),
        ]
    ratio = noise[domain] / np.where(noise["target"] > 0, noise["target"], np.inf)
    own = float(np.median(ratio))
    added = {
        v: np.sqrt(np.maximum((v * noise["target"]) ** 2 - noise[domain] ** 2, 0))
        for v in chosen
        if v > own * 1.001
    }
    return [
        _original(round(own, 3)),
        *(
            PerturbationLevel(level, False, _adding(sigma, seed), "degraded")
            for level, sigma in added.items()
        ),
    ]


def can_be_reobserved(galaxies: GalaxySet) -> bool:
    """Whether the set is what this version's simulator makes: its first image is drawn again and
    compared bit by bit.
    """
    made = galaxies.provenance
    preset = PRESETS.get(str(made.get("simulator")))
    if preset is None or made.get("version") != preset.version or galaxies.bands != preset.bands:
        return False
    condition = _condition(preset, galaxies)
    if condition is None:
        return False
    try:
        again = reobserve(preset.name, galaxies.sample_ids[:1], condition, int(made["seed"]))
    except (InputError, KeyError):
        return False
    return np.array_equal(again, np.asarray(galaxies.images[np.arange(1)], np.float32))


def chunk_key(sample_id: str, size: int) -> str | None:
    """Which simulated galaxies are drawn together with this one."""
    match = _GROUP.fullmatch(sample_id)
    return f"{int(match[1]) // size:06d}" if match else None


def sky_sigma(images: Array) -> NDArray[np.float64]:
    """(C,) noise of the sky: 1.4826 MAD of each image's border, a tenth of its side broad; the
    median over the images (n, C, H, W).
    """
    return np.asarray(np.median(border_noise(images), axis=0), np.float64)


def rotated(images: Array, angle: float) -> NDArray[np.float32]:
    """(n, C, H, W) turned counterclockwise by an angle [deg] about their centres.

    Multiples of 90 degrees of square images only move pixels. All others are interpolated by cubic
    splines, which smooths pixel noise a little; beyond the edge is the mirror image.
    """
    from scipy.ndimage import rotate

    turns = angle / 90
    if turns == round(turns) and (images.shape[2] == images.shape[3] or round(turns) % 2 == 0):
        return np.ascontiguousarray(np.rot90(images, round(turns), axes=(2, 3)), np.float32)
    # Axes in this order turn as np.rot90 does.
    found: NDArray[np.float32] = rotate(
        np.asarray(images, np.float32), angle, axes=(3, 2), reshape=False, order=3, mode="reflect"
    )
    return found


def broadened(condition: SurveyCondition, fwhm: float) -> SurveyCondition:
    """The same survey with its PSF convolved with a Gaussian of this FWHM [arcsec].

    Exact for optics and Gaussian seeing; for a Moffat profile the widths are added in quadrature.
    """

    def wider(optics: Optics | Seeing) -> Optics | Seeing:
        if isinstance(optics, Optics):
            return replace(optics, blur=float(np.hypot(optics.blur, fwhm / FWHM)))
        return replace(optics, fwhm=float(np.hypot(optics.fwhm, fwhm)))

    bands = tuple(replace(band, optics=wider(band.optics)) for band in condition.bands)
    return replace(condition, name=f"{condition.name} + {fwhm:.3g} arcsec", bands=bands)


def relative_noise(condition: SurveyCondition, target: SurveyCondition) -> float:
    """Noise of an empty pixel in units of the target's, the median over the bands."""
    return float(np.median(sky_noise(condition) / sky_noise(target)))


def exposure_of(condition: SurveyCondition, target: SurveyCondition, level: float) -> float | None:
    """The exposure [s] at which ``relative_noise`` is ``level``; None, an infinite one, at 0."""
    from scipy.optimize import brentq

    if level == 0:
        return None

    def excess(log_exposure: float) -> float:
        return float(
            np.log(
                relative_noise(condition.with_exposure(float(np.exp(log_exposure))), target) / level
            )
        )

    # Where the sky outshines the read-outs noise falls as the root of the exposure, where it does
    # not as the exposure itself.
    middle = float(np.log(target.exposure or 1.0))
    reach = 2 * abs(float(np.log(level))) + 20
    return float(np.exp(brentq(excess, middle - reach, middle + reach)))


def _original(level: float) -> PerturbationLevel:
    return PerturbationLevel(level, True, lambda _ids, images: images, "original")


def _condition(preset: Preset, galaxies: GalaxySet) -> SurveyCondition | None:
    return next(
        (
            one
            for one in (preset.source, preset.target)
            if one.name == galaxies.provenance.get("condition")
        ),
        None,
    )


def _observed(
    dial: str, galaxies: GalaxySet, levels: tuple[float, ...], seed: int
) -> list[PerturbationLevel]:
    preset = PRESETS[str(galaxies.provenance["simulator"])]
    own = _condition(preset, galaxies)
    reference = preset.target.exposure
    if own is None or (dial == "depth" and reference is None):
        raise InputError(
            f"The target of the preset {preset.name!r} has no exposure: turn the dial noise"
            " instead."
        )
    simulation = int(galaxies.provenance["seed"])

    def observing(
        condition: SurveyCondition, noise_seed: int = 0
    ) -> Callable[[NDArray[np.object_], Array], Array]:
        return lambda ids, _images: reobserve(preset.name, ids, condition, simulation, noise_seed)

    start, conditions = 0.0, {}
    if dial == "psf":
        conditions = {
            level: broadened(own, level * preset.pixel_scale) for level in levels if level > 0
        }
    elif reference is not None:
        start = relative_noise(own, preset.target)
        exposures = {
            level: exposure_of(own, preset.target, level)
            for level in levels
            if abs(level - start) > 1e-9
        }
        conditions = {level: own.with_exposure(exposure) for level, exposure in exposures.items()}
    steps = [
        _original(start),
        *(
            PerturbationLevel(level, False, observing(condition), "observed again")
            for level, condition in conditions.items()
        ),
    ]
    if own.exposure is not None:
        # How far predictions change from noise alone, at the same depth: what any change of the
        # dial has to be compared with.
        steps.insert(
            1,
            PerturbationLevel(
                start, False, observing(own, noise_seed=seed + 1), "another exposure"
            ),
        )
    return steps


def _turning(angle: float) -> Callable[[NDArray[np.object_], Array], Array]:
    return lambda _ids, images: rotated(images, angle)


def _adding(sigma: NDArray[np.float64], seed: int) -> Callable[[NDArray[np.object_], Array], Array]:
    """White noise of (C,) sigma; a galaxy's pattern is the same at every level and in whatever
    batch it comes.
    """

    def add(ids: NDArray[np.object_], images: Array) -> Array:
        noisy = np.array(images, np.float32)
        for image, sample_id in zip(noisy, ids, strict=True):
            pattern = np.random.default_rng(
                [seed, zlib.crc32(str(sample_id).encode())]
            ).standard_normal(image.shape, np.float32)
            image += pattern * sigma[:, None, None].astype(np.float32)
        return noisy

    return add


def _blurring(
    fwhm: float, sigma: NDArray[np.float64], seed: int
) -> Callable[[NDArray[np.object_], Array], Array]:
    """Blur by a Gaussian of this FWHM [pixel], and gives the sky back the noise of each pixel that
    blurring takes away.
    """

    def blur(ids: NDArray[np.object_], images: Array) -> Array:
        height, width = images.shape[2:]
        kept = float(
            (blur_matrix(fwhm / FWHM, height)[height // 2] ** 2).sum()
            * (blur_matrix(fwhm / FWHM, width)[width // 2] ** 2).sum()
        )
        blurred = PsfMatch((fwhm / FWHM,) * images.shape[1]).apply(images)
        return _adding(sigma * (1 - kept) ** 0.5, seed)(ids, blurred)

    return blur
