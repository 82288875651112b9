"""Where on an axis of epochs each line of a history stands."""

import numpy as np
import pandas as pd

__all__ = ["with_epoch_position"]

# The engine writes about ten windows of losses an epoch.
_WINDOWS = 10


def with_epoch_position(history: pd.DataFrame) -> pd.DataFrame:
    """A history with a column ``position``: training steps as fractions of an epoch, evaluations at the end of theirs.

    A window that ended at step s of an epoch of S steps stands at (s / S) epochs. S is read off the last finished epoch; within the first
    one it is not known yet, and windows are then taken to be tenths of it.

    Args:
        history: columns run, epoch, step, split, domain, name, value.
    """
    parts = []
    for _, rows in history.groupby("run", sort=False):
        position = rows["epoch"].astype(float)
        train = rows["split"] == "train"
        steps = rows.loc[train].groupby("epoch")["step"].max()
        if train.any() and len(steps) > 1:
            position[train] = rows.loc[train, "step"] / (steps.iloc[-2] / steps.index[-2])
        elif train.any():
            rank = rows.loc[train, "step"].rank(method="dense")
            position[train] = rows.loc[train, "epoch"] - 1 + (rank / _WINDOWS).clip(upper=1.0)
        parts.append(rows.assign(position=position))
    return pd.concat(parts) if parts else history.assign(position=np.empty(0))
