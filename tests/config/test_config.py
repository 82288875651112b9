"""Configs: JSON both ways, hashes, differences, and errors that name the field."""

import json
from dataclasses import replace

import pytest

from daexplore.config import (
    VARIANTS,
    AlignmentConfig,
    DataConfig,
    ModelConfig,
    RunConfig,
    TrainConfig,
    config_hash,
    differences,
    from_dict,
    preset,
    to_dict,
)
from daexplore.data.simulate import PRESETS
from daexplore.errors import InputError

FULL = RunConfig(
    DataConfig(source="here", limit=100, fractions=(0.6, 0.2, 0.2), stretch="asinh", size=64),
    ModelConfig("resnet18", {"latent": 64}),
    (AlignmentConfig("mmd", 0.5, {"scales": [1.0, 2.0]}), AlignmentConfig("package.module:Mine")),
    TrainConfig(epochs=3, patience=2, accelerator="cpu"),
    seed=7,
)


@pytest.mark.parametrize("config", [RunConfig(), FULL])
def test_json_both_ways(config):
    assert from_dict(RunConfig, json.loads(json.dumps(to_dict(config)))) == config


def test_a_part_of_the_fields_is_enough():
    assert from_dict(RunConfig, {"train": {"epochs": 5}}) == replace(
        RunConfig(), train=TrainConfig(epochs=5)
    )


def test_whole_numbers_become_floats_where_floats_belong():
    config = from_dict(RunConfig, {"alignments": [{"name": "mmd", "weight": 1}]})
    assert isinstance(config.alignments[0].weight, float)
    assert config_hash(config) == config_hash(RunConfig(alignments=(AlignmentConfig("mmd", 1.0),)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"config: expected a JSON object with the fields of RunConfig, got \[\]"),
        ({"epochs": 3}, "config: unknown field 'epochs'; RunConfig has data, model"),
        ({"train": {"epoch": 3}}, r"config\.train: unknown field 'epoch'"),
        ({"train": {"epochs": "three"}}, r"config\.train\.epochs: expected int, got 'three'"),
        ({"train": {"epochs": True}}, r"config\.train\.epochs: expected int, got True"),
        ({"train": {"augment": 1}}, r"config\.train\.augment: expected bool, got 1"),
        (
            {"data": {"stretch": "log"}},
            r"config\.data\.stretch: expected one of 'linear', 'asinh', 'percentile', got 'log'",
        ),
        ({"data": {"fractions": [0.5, 0.5]}}, r"config\.data\.fractions: expected 3 values, got 2"),
        (
            {"alignments": [{"name": "mmd"}, {"name": 3}]},
            r"config\.alignments\[1\]\.name: expected str, got 3",
        ),
        ({"alignments": "mmd"}, r"config\.alignments: expected a list .*, got 'mmd'"),
    ],
)
def test_errors_name_the_field(values, message):
    with pytest.raises(InputError, match=message):
        from_dict(RunConfig, values)


def test_the_hash_is_that_of_the_content():
    assert config_hash(RunConfig()) == config_hash(from_dict(RunConfig, to_dict(RunConfig())))
    assert len({config_hash(replace(RunConfig(), seed=seed)) for seed in range(100)}) == 100
    assert len(config_hash(FULL)) == 8
    assert int(config_hash(FULL), 16) >= 0


def test_the_method_is_the_alignments_names():
    assert RunConfig().method == "noda"
    assert FULL.method == "mmd+mine"


def test_differences_are_the_settings_that_are_not_the_same():
    noda, mmd = RunConfig(), RunConfig(alignments=(AlignmentConfig("mmd", 0.5),), seed=1)
    assert differences([noda, mmd]) == {
        "alignments.mmd.weight": [None, 0.5],
        "seed": [0, 1],
        "train.batch_norm": ["source", "mixed"],
    }
    assert differences([FULL, FULL]) == {}


def test_a_variant_is_other_settings_on_the_galaxies_of_a_preset():
    config = preset("distant-asinh")
    assert (config.data.source, config.data.target) == ("distant", "distant")
    assert {"data.stretch", "data.normalise", "data.limit"} <= set(
        differences([preset("distant"), config])
    )
    assert config.train.batch_norm == "source"
    assert set(VARIANTS.values()) <= set(PRESETS)
    assert not set(VARIANTS) & set(PRESETS)
