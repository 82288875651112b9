"""Configuration of a run as frozen dataclasses that convert to JSON and back."""

from daexplore.config.convert import config_hash, differences, from_dict, replace_at, to_dict
from daexplore.config.fields import (
    AlignmentConfig,
    DataConfig,
    ModelConfig,
    ReadConfig,
    RunConfig,
    TrainConfig,
    TransferConfig,
)
from daexplore.config.presets import DEFAULT_METHODS, VARIANTS, preset

__all__ = [
    "DEFAULT_METHODS",
    "VARIANTS",
    "AlignmentConfig",
    "DataConfig",
    "ModelConfig",
    "ReadConfig",
    "RunConfig",
    "TrainConfig",
    "TransferConfig",
    "config_hash",
    "differences",
    "from_dict",
    "preset",
    "replace_at",
    "to_dict",
]
