"""From options of the command line to a config."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from daexplore.config import AlignmentConfig, DataConfig, ModelConfig, RunConfig, preset, replace_at
from daexplore.errors import InputError

__all__ = ["PRESETS", "run_config", "seeds"]

PRESETS = ("distant", "demo")


def seeds(text: str) -> list[int]:
    """The seeds in "3", "0..2" (both ends included) or "0,3,5".

    Raises:
        InputError: none of these.
    """
    try:
        if ".." in text:
            first, last = (int(end) for end in text.split(".."))
            chosen = list(range(first, last + 1))
        else:
            chosen = [int(part) for part in text.split(",")]
    except ValueError:
        chosen = []
    if not chosen or min(chosen) < 0:
        raise InputError(f"--seed must be a number, a range such as 0..2 or a list such as 0,3,5 of numbers from 0 on; got {text!r}.")
    return chosen


def run_config(
    data: str | None,
    source: str | None,
    target: str | None,
    label: str | None,
    method: str,
    weight: float | None,
    epochs: int | None,
    limit: int | None,
    network: str | None,
    settings: list[str],
) -> RunConfig:
    """The config that the options of ``daexplore train`` describe.

    Raises:
        InputError: options that contradict each other, or a setting that does not exist.
    """
    config = _with_data(data, source, target)
    config = dataclasses.replace(config, alignments=_alignments(method, weight))
    if network:
        config = dataclasses.replace(config, model=ModelConfig(network))
    for path, value in (("data.label", label), ("train.epochs", epochs), ("data.limit", limit)):
        if value is not None:
            config = replace_at(config, path, value)
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"--set needs name=value, such as train.epochs=5; got {setting!r}.")
        config = replace_at(config, path, _value(text))
    return config


def _with_data(data: str | None, source: str | None, target: str | None) -> RunConfig:
    if (source is None) != (target is None):
        raise InputError("--source and --target go together: give both, or --data.")
    if source is not None and target is not None:
        if data is not None:
            raise InputError("Give either --data or --source and --target, not both.")
        return RunConfig(data=DataConfig(source=source, target=target))
    if data is None or data in PRESETS:
        return preset(data or "distant")
    folders = [Path(data) / domain for domain in ("source", "target")]
    if not all(folder.is_dir() for folder in folders):
        raise InputError(
            f"--data must be a preset ({', '.join(PRESETS)}) or a folder that holds source/ and target/; {data!r} is neither. "
            "Your own images go in with --source and --target."
        )
    return RunConfig(data=DataConfig(source=str(folders[0]), target=str(folders[1])))


def _alignments(method: str, weight: float | None) -> tuple[AlignmentConfig, ...]:
    names = [name for name in method.replace("+", ",").split(",") if name]
    if not names or (len(names) > 1 and "noda" in names):
        raise InputError(f"--method must be noda or one or more alignments; got {method!r}.")
    if names == ["noda"]:
        return ()
    if len(set(names)) < len(names):
        raise InputError(f"--methods names one alignment twice: {method!r}.")
    return tuple(AlignmentConfig(name, 1.0 if weight is None else weight) for name in names)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
