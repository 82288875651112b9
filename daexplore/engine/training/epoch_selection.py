"""Epoch selection and early stopping, without target labels."""

import pandas as pd

from daexplore.config import RunConfig
from daexplore.engine.training.label_free_scores import SCORES

__all__ = ["RULES", "select_epoch", "should_stop", "validation"]

RULES: dict[str, tuple[str, str, int]] = {
    "source_accuracy": ("source", "accuracy", 1),
    "last": ("source", "accuracy", 0),
} | {name: (domain, name, sign) for name, (domain, sign) in SCORES.items() if name != "accuracy"}
"""The rules: domain and name of the validation value that decides, and whether it should be large
(1), small (-1) or does not count (0).
"""

DIVERSE = 0.2


def validation(history: pd.DataFrame, name: str, domain: str = "source") -> "pd.Series[float]":
    """A validation value by epoch."""
    chosen = history[
        (history["name"] == name)
        & (history["domain"] == domain)
        & (history["split"] == "validation")
    ]
    return chosen.set_index("epoch")["value"].sort_index()


def select_epoch(history: pd.DataFrame, config: RunConfig) -> tuple[int, float]:
    """The epoch selected for a run so far, and the value that decided.

    Only the second half of the epochs trained so far counts: early ones can score well before an
    alignment has started to act. The later of equals. A rule that looks at the target chooses among
    epochs that say something, lest a constant prediction win, which is sure and perfectly dense:
    their source-validation accuracy is at least half as far above the best constant's as the best
    epoch's, and the target is not called one class (``call_diversity`` of at least a fifth). Where
    no epoch is left, source accuracy decides.

    The oracle is judged as it is taught, by target labels: by its target-validation accuracy.
    """
    teacher = config.train.supervision
    accuracy = validation(history, "accuracy", teacher)
    if config.train.selection == "last":
        return int(accuracy.index[-1]), float(accuracy.iloc[-1])
    late = accuracy[accuracy.index > accuracy.index[-1] / 2]
    domain, name, sign = RULES[config.train.selection]
    values = late
    if name != "accuracy" and teacher == "source":
        values = (
            sign * validation(history, name, domain).reindex(_meaningful(history, late)).dropna()
        )
    if values.empty:
        values, sign = late, 1
    elif name == "accuracy" or teacher == "target":
        sign = 1
    best = values[values == values.max()]
    return int(best.index[-1]), sign * float(best.iloc[-1])


def _meaningful(history: pd.DataFrame, late: "pd.Series[float]") -> "pd.Index[int]":
    constant = validation(history, "majority").reindex(late.index)
    calls = validation(history, "call_diversity", "target").reindex(late.index)
    return late.index[(late >= (constant + late.max()) / 2) & (calls >= DIVERSE)]


def should_stop(history: pd.DataFrame, config: RunConfig) -> bool:
    """Whether the validation loss of the domain that teaches has not reached a new low for
    ``train.patience`` epochs.
    """
    loss = validation(history, "loss", config.train.supervision)
    if config.train.patience is None or loss.empty:
        return False
    return bool(loss.index[-1] - loss.idxmin() >= config.train.patience)
