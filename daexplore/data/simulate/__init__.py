"""A simulator of merging and undisturbed galaxies, distant and nearby, seen by any survey."""

from daexplore.data.simulate.generate import SIMULATOR_VERSION, cache_folder, open_preset, simulate
from daexplore.data.simulate.presets import PRESETS, Preset
from daexplore.data.simulate.reobserve import reobserve
from daexplore.data.simulate.survey_conditions import (
    Band,
    Field,
    Optics,
    Seeing,
    SurveyCondition,
    observe,
    sky_noise,
)

__all__ = [
    "PRESETS",
    "SIMULATOR_VERSION",
    "Band",
    "Field",
    "Optics",
    "Preset",
    "Seeing",
    "SurveyCondition",
    "cache_folder",
    "observe",
    "open_preset",
    "reobserve",
    "simulate",
    "sky_noise",
]
