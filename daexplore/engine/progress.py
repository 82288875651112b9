"""Progress reports of long computations."""

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Progress", "Report", "no_report"]


@dataclass(frozen=True)
class Progress:
    """One message of a running training.

    Attributes:
        stage: "simulating", "training" or "explaining" (Grad-CAM at the end).
        done: of ``total``, images or steps.
        total: see ``done``.
        epoch: the epoch under way.
        values: newest values by a short name, for a progress line.
    """

    stage: str
    done: int
    total: int
    epoch: int = 0
    values: dict[str, float] = field(default_factory=dict)


Report = Callable[[Progress], None]


def no_report(progress: Progress) -> None:
    """Report nothing."""
