"""Configuration of a run as frozen dataclasses that convert to JSON and back."""

from daexplore.config.conditions import DRAWN, MEASURED, ConditionsConfig, named_conditions
from daexplore.config.convert import config_hash, differences, from_dict, replace_at, to_dict
from daexplore.config.fields import (
    AdaptationConfig,
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
    "DRAWN",
    "MEASURED",
    "VARIANTS",
    "AdaptationConfig",
    "AlignmentConfig",
    "ConditionsConfig",
    "DataConfig",
    "ModelConfig",
    "ReadConfig",
    "RunConfig",
    "TrainConfig",
    "TransferConfig",
    "config_hash",
    "differences",
    "from_dict",
    "named_conditions",
    "preset",
    "replace_at",
    "to_dict",
]
