"""Exports of runs; importing this package imports none of the other tools."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from daexplore.exports.base import Export, ExportOptions

if TYPE_CHECKING:
    from daexplore.exports.mlflow_store import to_mlflow
    from daexplore.exports.onnx.model import OnnxExport, to_onnx
    from daexplore.exports.parquet.table import to_parquet
    from daexplore.exports.tensorboard_events import to_tensorboard

__all__ = [
    "EXPORTS",
    "Export",
    "ExportOptions",
    "OnnxExport",
    "export_format",
    "to_mlflow",
    "to_onnx",
    "to_parquet",
    "to_tensorboard",
]

EXPORTS = {
    "parquet": "daexplore.exports.parquet.table",
    "tensorboard": "daexplore.exports.tensorboard_events",
    "onnx": "daexplore.exports.onnx.model",
    "mlflow": "daexplore.exports.mlflow_store",
}
"""Formats by name, each with the module whose ``EXPORT`` declares it. Imported on first use."""


def export_format(name: str) -> Export:
    """Return the format of this name; KeyError without one."""
    declared: Export = import_module(EXPORTS[name]).EXPORT
    return declared


def __getattr__(name: str) -> Any:
    for module in EXPORTS.values() if name in __all__ else ():
        found = getattr(import_module(module), name, None)
        if found is not None:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
