"""Training, evaluating and explaining runs."""

from daexplore.engine.progress import Progress, Report

__all__ = ["Progress", "Report"]
