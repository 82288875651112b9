"""A simulator of merging and undisturbed distant galaxies, seen by two surveys at once."""

from daexplore.data.simulate.conditions import SurveyCondition, observe, sky_noise
from daexplore.data.simulate.presets import PRESETS, Preset
from daexplore.data.simulate.run import SIMULATOR_VERSION, cache_folder, open_preset, simulate

__all__ = ["PRESETS", "SIMULATOR_VERSION", "Preset", "SurveyCondition", "cache_folder", "observe", "open_preset", "simulate", "sky_noise"]
