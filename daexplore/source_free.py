"""Methods that adapt a finished run without its source: entries of the registry."""

from daexplore.method_info import MethodInfo

__all__ = ["SOURCE_FREE"]

SOURCE_FREE = (
    MethodInfo(
        name="tent",
        label="TENT",
        summary=(
            "Test-time entropy minimisation: scale and shift of batch norm are trained until"
            " target predictions are confident."
        ),
        formula="mean entropy of p(target)",
        reference="Wang et al. 2021, arXiv:2006.10726",
        fails=(
            "Confident is not correct: the entropy is least where all galaxies are called one"
            " class. It needs batch norm, and target batches with the usual class shares."
        ),
    ),
    MethodInfo(
        name="shot",
        label="SHOT",
        summary=(
            "Source hypothesis transfer: the encoder is trained until target predictions are"
            " confident and diverse; the head stays."
        ),
        formula="mean entropy of p − entropy of mean p + 0.3 · cross-entropy to pseudo-labels",
        reference="Liang et al. 2020, arXiv:2002.08546",
        fails=(
            "Its diversity term draws the classes to equal shares, which is wrong where they"
            " are not equal in the survey. Pseudo-labels repeat the mistakes of the network."
        ),
    ),
)
"""Beside AdaBN, which is also a way of training."""
