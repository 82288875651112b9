"""Named simulations."""

from dataclasses import dataclass

from daexplore.data.simulate.populations import DISTANT, ILLUSTRIS, SLOAN, Population
from daexplore.data.simulate.survey_conditions import SurveyCondition
from daexplore.data.simulate.surveys import ILLUSTRIS_MOCK, PRISTINE, SDSS, SURVEY
from daexplore.errors import InputError

__all__ = ["PRESETS", "Preset", "Sample", "find_preset"]


@dataclass(frozen=True)
class Sample:
    """Which galaxies of a population a domain shows, where the domains do not show the same ones.

    Attributes:
        letter: with which the names of its galaxies begin.
        population: what they are like.
        mergers: share of the images that show mergers.
        merger_galaxies: mergers there are; each is seen from as many sides as it takes.
        merger_views: sides from which a merger can be seen; other galaxies are seen from one.
        redshifts: between which they are, evenly in volume.
    """

    letter: str
    population: Population
    mergers: float
    merger_galaxies: int
    merger_views: int
    redshifts: tuple[float, float]


@dataclass(frozen=True)
class Preset:
    """A recipe: the same galaxies under two conditions, or two samples of galaxies, each under its
    own.

    Attributes:
        name: its key.
        title: one line for people.
        version: raised whenever the same preset and seed give other images.
        n: images a domain unless asked otherwise.
        source: condition of the labelled domain.
        target: condition of the survey; same bands and pixel scale.
        population: what galaxies are like that both domains show.
        samples: of source and target, where they show different galaxies; ``population`` does not
            count then.
        size: of the square stamps [pixel].
        views: images of each galaxy that both domains show.
        particles: of each disc.
        smoothing: of the particles, see ``Renderer`` [pixel].
        magnitudes: range of the total in the reference band: apparent within the stamp for galaxies
            that both domains show, absolute at redshift 0.05 within the source's stamp for samples.
        classes: names of the labels 0 and 1.
    """

    name: str
    title: str
    version: int
    n: int
    source: SurveyCondition
    target: SurveyCondition
    population: Population = DISTANT
    samples: tuple[Sample, Sample] | None = None
    size: int = 75
    views: int = 2
    particles: int = 900
    smoothing: tuple[float, ...] = (0.6, 1.1, 2.0, 3.6)
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


# Illustris has 44 mergers at redshift 0, shown from many sides; people found 310 in SDSS at
# redshifts below 0.1.
_NEARBY = (
    Sample(
        "I", ILLUSTRIS, mergers=0.48, merger_galaxies=44, merger_views=33, redshifts=(0.05, 0.05)
    ),
    Sample(
        "S", SLOAN, mergers=310 / 3000, merger_galaxies=310, merger_views=1, redshifts=(0.03, 0.1)
    ),
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "distant",
            "Distant galaxies, noise-free and as a survey of 2500 s sees them",
            4,
            11500,
            PRISTINE,
            SURVEY,
        ),
        Preset(
            "demo",
            "A smaller set of the same distant galaxies, for a first look",
            4,
            4000,
            PRISTINE,
            SURVEY,
        ),
        Preset(
            "nearby",
            "Nearby galaxies: Illustris with 44 mergers, and other galaxies as SDSS sees them",
            1,
            3000,
            ILLUSTRIS_MOCK,
            SDSS,
            samples=_NEARBY,
            particles=3500,
            smoothing=(0.6, 1.1, 2.0, 3.6, 6.5),
            magnitudes=(-23.0, -20.5),
        ),
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
