"""Named simulations."""

from dataclasses import dataclass

from daexplore.data.simulate.conditions import ACS_F814W, NIRCAM_F356W, WFC3_F160W, SurveyCondition
from daexplore.errors import InputError

__all__ = ["PRESETS", "Preset", "find_preset"]


@dataclass(frozen=True)
class Preset:
    """A recipe: the same galaxies under two conditions.

    Attributes:
        name: its key.
        title: one line for people.
        n: images a domain unless asked otherwise.
        source: condition of the labelled domain.
        target: condition of the survey; same bands and pixel scale, so that one galaxy is drawn once and seen twice.
        size: of the square stamps [pixel].
        views: images of each galaxy.
        particles: of each disc.
        magnitudes: range of the stamp's F160W magnitude.
        classes: names of the labels 0 and 1.
    """

    name: str
    title: str
    n: int
    source: SurveyCondition
    target: SurveyCondition
    size: int = 75
    views: int = 2
    particles: int = 900
    magnitudes: tuple[float, float] = (21.0, 23.0)
    classes: tuple[str, str] = ("non-merger", "merger")

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(band.name for band in self.source.bands)

    @property
    def pixel_scale(self) -> float:
        """[arcsec / pixel]."""
        return self.source.pixel_scale


_BANDS = (ACS_F814W, NIRCAM_F356W, WFC3_F160W)
_PRISTINE = SurveyCondition("pristine", _BANDS, pixel_scale=0.06, exposure=None)
_SURVEY = SurveyCondition("survey", _BANDS, pixel_scale=0.06, exposure=2500.0)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("distant", "Distant galaxies, noise-free and as a survey of 2500 s sees them", 11500, _PRISTINE, _SURVEY),
        Preset("demo", "A smaller set of the same distant galaxies, for a first look", 4000, _PRISTINE, _SURVEY),
    )
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        InputError: there is none.
    """
    if name not in PRESETS:
        raise InputError(f"No simulator preset is called {name!r}; there are {', '.join(PRESETS)}.")
    return PRESETS[name]
