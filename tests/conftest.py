"""Checks every annotated shape and type of the numerical modules while tests run; in use they are annotations only."""

from jaxtyping import install_import_hook

CHECKED = (
    "daexplore.kernels",
    "daexplore.models",
    "daexplore.alignment",
    "daexplore.analysis",
    "daexplore.engine",
    "daexplore.data.pairs",
    "daexplore.data.preprocess",
    "daexplore.data.standard",
    "daexplore.data.steps",
)

install_import_hook(CHECKED, "beartype.beartype")
