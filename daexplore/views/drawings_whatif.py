"""What the figures of one galaxy along a dial show, as tables: its probability, and its walk through each run's margin plane."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from daexplore.views.drawings import Compared, meta_of
from daexplore.views.publication import Drawing
from daexplore.views.whatif import summary_dial, summary_walks

__all__ = ["Turned", "dial_drawing", "walks_drawing"]


@dataclass(frozen=True)
class Turned:
    """Whose dial was turned, and which.

    Attributes:
        sample_id: the galaxy.
        label: its class; negative where it has none.
        split: it is of.
        unit: of the dial's levels, as its axis names it.
        positive: the class whose probability is meant.
        threshold: of the decision.
        seed: of the noise.
    """

    sample_id: str
    label: int
    split: str
    unit: str
    positive: str
    threshold: float
    seed: int


def dial_drawing(compared: Sequence[Compared], turned: Turned, table: pd.DataFrame) -> Drawing:
    """Probability of the class against the level, of each run.

    Args:
        compared: the runs, at the epoch that was asked.
        turned: galaxy and dial.
        table: columns run, domain, number, level, original, how, probability, low, high, first, draws.
    """
    summary = summary_dial(table, turned.unit, turned.positive, turned.threshold)
    axes = turned.unit, f"p({turned.positive})"
    return Drawing("dial", table, _meta("One galaxy along a dial", compared, turned, table), summary, axes=axes)


def walks_drawing(compared: Sequence[Compared], turned: Turned, table: pd.DataFrame, boundaries: dict[str, float]) -> Drawing:
    """Where the galaxy lies in each run's margin plane as the dial turns.

    Args:
        compared: the runs, at the epoch that was asked.
        turned: galaxy and dial.
        table: columns run, domain, number, level, original, how, x, y, draws.
        boundaries: by run: where the decision boundary at the threshold stands on x.
    """
    table = table.assign(boundary=table["run"].map(boundaries), label=turned.label)
    axes = "distance to boundary [source σ]", "domain probe [source σ]"
    return Drawing(
        "walks", table, _meta("The galaxy's walk through each margin plane", compared, turned, table), summary_walks(table), axes=axes
    )


def _meta(view: str, compared: Sequence[Compared], turned: Turned, table: pd.DataFrame) -> dict[str, str]:
    domain = str(table["domain"].iloc[0]) if len(table) else "unknown"
    oracle = "no target labels are used"
    if domain == "target" and turned.label >= 0:
        oracle = "the class of this target galaxy is the oracle's knowledge; no probability uses it"
    meta = meta_of(view, compared, turned.split, f"p = {turned.threshold:g}", f"1 galaxy, {turned.sample_id}, {domain}", oracle)
    draws = int(table["draws"].max()) if len(table) else 0
    return meta | {"dial": turned.unit, "noise": f"seed {turned.seed}, up to {draws} draws a level"}
