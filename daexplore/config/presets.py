"""Settings of the presets: the simulated pairs and their documented variants."""

from dataclasses import replace

from daexplore.config.conditions import DRAWN
from daexplore.config.fields import DataConfig, RunConfig, TrainConfig

__all__ = ["DEFAULT_METHODS", "VARIANTS", "preset"]


DEFAULT_METHODS = ("noda", "mmd", "dann")
"""Methods that are trained and compared unless others are named."""

VARIANTS = {"distant-asinh": "distant", "nearby-survey": "nearby"}
"""Presets that are other settings on the galaxies of a simulator preset, and that one's name."""


def preset(name: str) -> RunConfig:
    """The documented settings for a simulator preset, or for one of ``VARIANTS``.

    "distant" is the experiment, "nearby" the second one, "demo" is for a first look.
    "distant-asinh" is a lesson: few of the distant galaxies, their flux stretched by asinh in each
    domain's own noise, but normalised by the source alone, in the input and in batch norm. There
    marginal alignment moves the target across the boundary without telling its classes apart any
    better.
    "nearby-survey" is for real images of nearby galaxies: both domains of "nearby" are labelled,
    and each image is seen through random observing conditions. Name a survey as the target.
    """
    data = DataConfig(source=VARIANTS.get(name, name), target=VARIANTS.get(name, name))
    if name == "distant-asinh":
        data = replace(data, stretch="asinh", softening=8.0, normalise="source", limit=2000)
        return RunConfig(
            data=data,
            train=TrainConfig(
                epochs=12, batch_norm="source", evaluation_limit=1500, saliency_limit=100
            ),
        )
    if name == "nearby-survey":
        data = replace(
            data,
            source="nearby:source",
            more_sources=("nearby:target",),
            target="nearby:target",
            normalise="image",
        )
        return RunConfig(
            data=data,
            train=TrainConfig(
                epochs=60,
                batch_size=32,
                learning_rate=3e-3,
                batch_norm="source",
                conditions=DRAWN,
            ),
        )
    if name == "demo":
        return RunConfig(
            data=data, train=TrainConfig(epochs=14, evaluation_limit=600, saliency_limit=200)
        )
    if name == "nearby":
        # 3000 images a domain: smaller batches give the optimiser as many steps.
        return RunConfig(data=data, train=TrainConfig(epochs=20, batch_size=32))
    return RunConfig(data=data)
