"""Adapting a finished run to a target without its source images."""

from daexplore.engine.adaptation.adapt import adapt

__all__ = ["adapt"]
