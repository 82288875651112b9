"""From options of the command line to a config."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daexplore.config import (
    VARIANTS,
    AlignmentConfig,
    DataConfig,
    ModelConfig,
    RunConfig,
    TransferConfig,
    named_conditions,
    preset,
    replace_at,
)
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.methods import WITHOUT_LOSS

__all__ = ["run_config", "seeds", "transfer_config"]


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
        raise InputError(
            "--seed must be a number, a range such as 0..2 or a list such as 0,3,5 of numbers from"
            f" 0 on; got {text!r}."
        )
    return chosen


def run_config(
    data: str | None,
    source: str | Sequence[str] | None,
    target: str | None,
    label: str | None,
    method: str,
    weight: float | None,
    epochs: int | None,
    limit: int | None,
    network: str | None,
    settings: list[str],
    class_balance: str | None = None,
    transfer: TransferConfig | None = None,
    conditions: str | None = None,
    weights: str | None = None,
) -> RunConfig:
    """The config that the options of ``daexplore train`` describe.

    Raises:
        InputError: options that contradict each other, or a setting that does not exist.
    """
    config = _with_data(data, source, target)
    config = _with_method(config, method, weight)
    if conditions is not None:
        config = _with_conditions(config, conditions.replace(",", "+").split("+"))
    config = dataclasses.replace(config, model=_model(network, transfer), transfer=transfer)
    chosen = {
        "data.label": label,
        "train.epochs": epochs,
        "data.limit": limit,
        "train.class_balance": class_balance,
        "model.weights": weights,
    }
    for path, value in chosen.items():
        if value is not None:
            config = replace_at(config, path, value)
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"--set needs name=value, such as train.epochs=5; got {setting!r}.")
        config = replace_at(config, path, _value(text))
    return config


def transfer_config(
    run: Path | None,
    epoch: int | None,
    freeze: str | None,
    rate: float | None,
    new_head: bool,
    fit: bool,
) -> TransferConfig | None:
    """How a training starts from another run, or None where it starts from new weights.

    Raises:
        InputError: settings of a transfer without a run to start from.
    """
    if run is None:
        given = {
            "--init-epoch": epoch is not None,
            "--freeze": freeze,
            "--rate": rate is not None,
            "--new-head": new_head,
        }
        lonely = next(
            (name for name, value in (given | {"--fit-preprocessing": fit}).items() if value), None
        )
        if lonely:
            raise InputError(
                f"{lonely} says how to start from a trained run: name that run with --init-from"
                " RUN."
            )
        return None
    names = tuple(name.strip() for name in (freeze or "").split(",") if name.strip())
    return TransferConfig(
        str(run),
        epoch,
        "fit" if fit else "run",
        names,
        1.0 if rate is None else rate,
        "new" if new_head else "keep",
    )


def _model(network: str | None, transfer: TransferConfig | None) -> ModelConfig:
    """The network asked for; where a training starts from a run, that run's network with its
    options.
    """
    if transfer is None:
        return ModelConfig(network) if network else ModelConfig()
    from daexplore.runs import Run

    model = Run(transfer.run).config.model
    if network not in (None, model.name):
        raise InputError(
            f"--network {network} and --init-from contradict each other: that run has the network"
            f" {model.name}."
        )
    return model


def _with_data(
    data: str | None, source: str | Sequence[str] | None, target: str | None
) -> RunConfig:
    sources = [source] if isinstance(source, str) else list(source or ())
    if data in VARIANTS and target is not None and not sources:
        config = preset(data)
        return dataclasses.replace(config, data=dataclasses.replace(config.data, target=target))
    if bool(sources) != (target is not None):
        raise InputError("--source and --target go together: give both, or --data.")
    if sources and target is not None:
        if data is not None:
            raise InputError("Give either --data or --source and --target, not both.")
        return RunConfig(
            data=DataConfig(source=sources[0], target=target, more_sources=tuple(sources[1:]))
        )
    from daexplore.data.simulate import PRESETS

    if data is None or data in PRESETS or data in VARIANTS:
        return preset(data or "distant")
    folders = [Path(data) / domain for domain in DOMAINS]
    if not all(folder.is_dir() for folder in folders):
        raise InputError(
            f"--data must be a preset ({', '.join([*PRESETS, *VARIANTS])}) or a folder that holds"
            f" source/ and target/; {data!r} is neither. Your own images go in with --source and"
            " --target."
        )
    return RunConfig(data=DataConfig(source=str(folders[0]), target=str(folders[1])))


def _with_method(config: RunConfig, method: str, weight: float | None) -> RunConfig:
    """The alignments. Of the other names, "adabn" is a way of batch norm, "oracle" a way of
    teaching, and "conditions" and "measured" change the training images.
    """
    names = [name for name in method.replace("+", ",").split(",") if name]
    observing = [name for name in names if name in ("conditions", "measured")]
    if observing:
        config = _with_conditions(config, observing)
        names = [name for name in names if name not in observing] or ["noda"]
    if not names or (len(names) > 1 and {"noda", "oracle"} & set(names)):
        raise InputError(
            f"--method must be noda, oracle, or one or more alignments; got {method!r}."
        )
    if len(set(names)) < len(names):
        raise InputError(f"--methods names one alignment twice: {method!r}.")
    if "adabn" in names:
        config = replace_at(config, "train.batch_norm", "adabn")
    if "oracle" in names:
        config = replace_at(config, "train.supervision", "target")
    aligned = [name for name in names if name not in WITHOUT_LOSS]
    return dataclasses.replace(
        config,
        alignments=tuple(
            AlignmentConfig(name, 1.0 if weight is None else weight) for name in aligned
        ),
    )


def _with_conditions(config: RunConfig, kinds: Sequence[str]) -> RunConfig:
    conditions = named_conditions(kinds)
    return dataclasses.replace(
        config, train=dataclasses.replace(config.train, conditions=conditions)
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
