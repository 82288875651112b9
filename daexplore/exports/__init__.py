"""Finished runs in the forms that other tools open: Parquet, TensorBoard, ONNX, MLflow. Importing this package imports none of them."""

from daexplore.exports.mlflow_store import to_mlflow
from daexplore.exports.onnx.model import OnnxExport, to_onnx
from daexplore.exports.parquet.table import to_parquet
from daexplore.exports.tensorboard_events import to_tensorboard

__all__ = ["OnnxExport", "to_mlflow", "to_onnx", "to_parquet", "to_tensorboard"]
