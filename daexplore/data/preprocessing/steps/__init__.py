"""Preprocessing steps, each with its parameters, as JSON and back."""

from typing import Any

from daexplore.config import from_dict, to_dict
from daexplore.data.preprocessing.steps.background import Background
from daexplore.data.preprocessing.steps.bands import SelectBands
from daexplore.data.preprocessing.steps.crop import Crop
from daexplore.data.preprocessing.steps.image_scale import ImageScale
from daexplore.data.preprocessing.steps.normalise import Normalise
from daexplore.data.preprocessing.steps.psf import PsfMatch
from daexplore.data.preprocessing.steps.resample import Resample
from daexplore.data.preprocessing.steps.stretch import Asinh, Percentile
from daexplore.data.preprocessing.steps.units import Units
from daexplore.errors import InputError

__all__ = [
    "LEARNED",
    "STEPS",
    "Asinh",
    "Background",
    "Crop",
    "ImageScale",
    "Normalise",
    "Percentile",
    "PsfMatch",
    "Resample",
    "SelectBands",
    "Step",
    "Units",
    "read_step",
    "record_step",
]

Step = (
    SelectBands
    | Units
    | Background
    | PsfMatch
    | Resample
    | Crop
    | Asinh
    | Percentile
    | Normalise
    | ImageScale
)
"""Each has ``apply(images)``: (n, C, H, W) of any real type to float32; none changes its input in
place.
"""

STEPS: dict[str, type[Step]] = {
    "bands": SelectBands,
    "units": Units,
    "background": Background,
    "psf": PsfMatch,
    "resample": Resample,
    "crop": Crop,
    "asinh": Asinh,
    "percentile": Percentile,
    "normalise": Normalise,
    "image_scale": ImageScale,
}
"""In the order in which they are taken."""

LEARNED = (Asinh, Percentile, Normalise, ImageScale)
"""Stretch and normalisation, which a run keeps for other sets; the others follow from the metadata
of each set.
"""


def record_step(step: Step) -> dict[str, Any]:
    """A step as JSON types; numbers survive JSON bit for bit."""
    name = next(name for name, kind in STEPS.items() if type(step) is kind)
    return {"step": name} | to_dict(step)


def read_step(values: Any, where: str) -> Step:
    """The step that ``record_step`` wrote.

    Raises:
        InputError: something else.
    """
    name = values.get("step") if isinstance(values, dict) else None
    if name not in STEPS:
        raise InputError(f"{where}: expected a step, one of {', '.join(STEPS)}; got {values!r}.")
    return from_dict(
        STEPS[name],
        {key: value for key, value in values.items() if key != "step"},
        f"{where}.{name}",
    )
