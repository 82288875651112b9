"""Domain adaptation for galaxy images."""

from importlib import import_module
from typing import Any

__all__ = ["Comparison", "Run", "__version__", "explore"]

__version__ = "0.1.0"

_LAZY = {
    "Comparison": "daexplore.engine.comparison.comparison",
    "Run": "daexplore.runs",
    "explore": "daexplore.app.notebook.embed",
}


def __getattr__(name: str) -> Any:
    # Named here, imported on first use: ``import daexplore`` stays instant, and no layer below
    # reaches up through this file.
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
