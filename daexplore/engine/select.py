"""Which epoch a run stands for, and when to stop: decided without any target label."""

import pandas as pd

__all__ = ["select_epoch", "should_stop", "source_validation"]


def source_validation(history: pd.DataFrame, name: str) -> "pd.Series[float]":
    """A source-validation value by epoch."""
    chosen = history[(history["name"] == name) & (history["domain"] == "source") & (history["split"] == "validation")]
    return chosen.set_index("epoch")["value"].sort_index()


def select_epoch(history: pd.DataFrame, rule: str) -> tuple[int, float]:
    """The epoch that a run stands for so far, and its source-validation accuracy.

    With "source_accuracy", the best source-validation accuracy among the second half of the epochs trained so far: early epochs can
    score well on the source before an alignment has begun to act. The later of equals.
    """
    accuracy = source_validation(history, "accuracy")
    if rule == "last":
        return int(accuracy.index[-1]), float(accuracy.iloc[-1])
    late = accuracy[accuracy.index > accuracy.index[-1] / 2]
    best = late[late == late.max()]
    return int(best.index[-1]), float(best.iloc[-1])


def should_stop(history: pd.DataFrame, patience: int | None) -> bool:
    """Whether the source-validation loss has not reached a new low for ``patience`` epochs."""
    loss = source_validation(history, "loss")
    if patience is None or loss.empty:
        return False
    return bool(loss.index[-1] - loss.idxmin() >= patience)
