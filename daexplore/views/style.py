"""Style of domains, classes and runs: hue, marker and dash."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from daexplore.domains import DOMAINS

__all__ = [
    "CLASS_MARKERS",
    "DOMAINS",
    "DOMAIN_COLORS",
    "NEUTRAL",
    "QUANTITIES",
    "RunStyle",
    "class_marker",
    "domain_title",
    "run_styles",
    "set_aria_label",
]


DOMAIN_COLORS = {"source": "#0072B2", "target": "#D55E00", "both": "#009E73"}
"""From the palette of Okabe & Ito (2008, "Color Universal Design"), distinguishable with every
common colour vision.
"""

NEUTRAL = "#7f7f7f"
"""For reference lines and quiet text: contrast about 4 with white and with near-black alike."""

QUANTITIES = {
    "accuracy": "accuracy",
    "auc": "ROC AUC",
    "f1": "F1",
    "brier": "Brier score",
    "loss": "cross-entropy [nat]",
    "mmd2": "MMD² of the latents",
    "loss/task": "task loss [nat]",
    "loss/mmd": "MMD loss",
    "loss/domain": "domain loss [nat]",
    "loss/total": "total loss",
    "learning_rate": "learning rate",
}
"""How the names in history.jsonl are written on an axis."""

CLASS_MARKERS = ("circle", "triangle", "square", "diamond", "star", "hex")
"""Bokeh's markers of class 0, 1, 2, …"""

_DASHES = ("solid", "dashed", "dotted", "dotdash")
_RUN_MARKERS = ("circle", "square", "diamond", "inverted_triangle", "hex", "star", "plus")


class RunStyle(NamedTuple):
    """What tells one run's lines from another's."""

    dash: str
    marker: str


def run_styles(runs: Iterable[str]) -> dict[str, RunStyle]:
    """A dash and a marker for each run, in the order given.

    No pair repeats before the twenty-ninth run, since the number of dashes and that of markers have
    no common divisor.
    """
    return {
        run: RunStyle(_DASHES[i % len(_DASHES)], _RUN_MARKERS[i % len(_RUN_MARKERS)])
        for i, run in enumerate(dict.fromkeys(runs))
    }


def class_marker(label: int) -> str:
    """Bokeh's marker for a class; "x" where the label is missing (-1)."""
    return CLASS_MARKERS[label % len(CLASS_MARKERS)] if label >= 0 else "x"


def domain_title(domain: str) -> str:
    """The domain with the reminder that whatever is measured there with labels is an oracle's
    knowledge.
    """
    return "target (oracle)" if domain == "target" else domain


def set_aria_label(figure: Any, words: str) -> None:
    """State what a Bokeh figure is to those who do not see it. A canvas has no text of its own; the
    plot's summary is below it.
    """
    # "figure", not "img": the buttons inside stay within reach.
    figure.html_attributes = {"role": "figure", "aria-label": " ".join(words.split())}
