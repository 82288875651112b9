"""A run's history as named series, one value an epoch, as dashboards of experiments want it."""

import math
from typing import NamedTuple

from daexplore.runs import Run

__all__ = ["ORACLE", "Scalar", "history_scalars", "selected_scalars"]

ORACLE = "oracle/"
"""Every name begins so whose value used labels of the target."""


class Scalar(NamedTuple):
    """One point of one series.

    Attributes:
        name: such as "test/source/accuracy", "oracle/test/target/accuracy", "train/both/loss/mmd".
        step: the epoch; of names that begin with "windows/", the training step.
        value: finite.
    """

    name: str
    step: int
    value: float


def history_scalars(run: Run) -> list[Scalar]:
    """All of history.jsonl: one value an epoch, the mean where there are several; these, of losses, by training step under "windows/".

    Undefined values (null in the file) are left out.
    """
    frame = run.history()
    frame = frame[frame["value"].map(math.isfinite)]
    prefix = frame["oracle"].map({True: ORACLE, False: ""})
    frame = frame.assign(title=prefix + frame["split"] + "/" + frame["domain"] + "/" + frame["name"])
    counts = frame.groupby(["title", "epoch"])["value"].agg(["mean", "size"])
    once = counts.reset_index()
    found = [Scalar(str(title), int(epoch), float(mean)) for title, epoch, mean in once[["title", "epoch", "mean"]].to_numpy(object)]
    several = set(once.loc[once["size"] > 1, "title"])
    windows = frame[frame["title"].isin(several)]
    found += [
        Scalar(f"windows/{title}", int(step), float(value))
        for title, step, value in zip(windows["title"], windows["step"], windows["value"], strict=True)
    ]
    return found


def selected_scalars(run: Run) -> list[Scalar]:
    """The metrics of run.json at the epoch the run stands for, with their intervals: "selected/test/source/accuracy", "…_low", "…_high"."""
    found = []
    for domain, splits in (run.info.get("metrics") or {}).items():
        for split, entries in splits.items():
            for name, entry in entries.items():
                title = f"{ORACLE if entry.get('oracle') else ''}selected/{split}/{domain}/{name}"
                for key, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                    value = entry.get(key)
                    if value is not None and math.isfinite(value):
                        found.append(Scalar(title + suffix, run.selected_epoch or 0, float(value)))
    return found
