"""What a run is, as frozen dataclasses that go to JSON and back."""

import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from daexplore.errors import InputError

__all__ = [
    "AlignmentConfig",
    "DataConfig",
    "ModelConfig",
    "RunConfig",
    "TrainConfig",
    "config_hash",
    "differences",
    "from_dict",
    "preset",
    "replace_at",
    "to_dict",
]

T = TypeVar("T")


@dataclass(frozen=True)
class DataConfig:
    """Which galaxies, and how they become network input.

    Attributes:
        source: name of a simulator preset, or a path that ``read_galaxies`` understands; labelled.
        target: likewise; its labels, if it has any, are only ever used to report results marked "oracle".
        label: column of the catalogue that holds the class, where a reader would have to choose.
        simulated: images a domain that a preset simulates; None takes the preset's own number.
        simulation_seed: which galaxies a preset simulates.
        limit: at most so many training images a domain (whole groups are kept together); None takes all.
        fractions: train, validation and test shares, counted in groups.
        split_seed: which groups go where; the same in both domains.
        stretch: "linear" or "asinh" (Lupton et al. 2004, PASP 116, 133): ``asinh(x / (softening * s)) `` with s the band's noise scale.
        softening: where asinh turns from linear to logarithmic, in units of that scale.
        normalise: whose training split gives the per-band mean and standard deviation: each "domain" its own, or the "source" for both.
        size: images are cropped, or zero-padded, about their centre to size x size [pixel]; None keeps the source's size.
    """

    source: str = "distant"
    target: str = "distant"
    label: str | None = None
    simulated: int | None = None
    simulation_seed: int = 0
    limit: int | None = None
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    split_seed: int = 0
    stretch: Literal["linear", "asinh"] = "linear"
    softening: float = 4.0
    normalise: Literal["domain", "source"] = "domain"
    size: int | None = None


@dataclass(frozen=True)
class ModelConfig:
    """A network by name, with the options of its constructor."""

    name: str = "deepmerge"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AlignmentConfig:
    """One alignment loss: its name in ``daexplore.alignment`` (or ``package.module:Class``), its weight, its options."""

    name: str
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainConfig:
    """How the network is trained. No field can refer to a target label.

    Attributes:
        epochs: passes over the larger domain's training split.
        batch_size: images a domain and step, over all processes together.
        learning_rate: the peak of the one-cycle schedule (Smith & Topin 2017, arXiv:1708.07120).
        weight_decay: of AdamW.
        augment: random rotations by 90 degrees and mirror images, the square's eight symmetries.
        batch_norm: which images give batch norm its statistics: "mixed" (source and target in one batch), "source" (target passes in
            evaluation mode only) or "auto": source without alignments, mixed with them.
        selection: which epoch a run stands for: the best "source_accuracy" on validation within the second half, or the "last".
        patience: stop after so many epochs without a better source-validation loss; None never stops early.
        evaluation_limit: at most so many validation and so many test images a domain are evaluated each epoch, always the same ones.
        saliency_limit: at most so many of the evaluated test images a domain get a stored Grad-CAM map.
        threads: CPU threads; None takes one, which keeps results exact and a busy machine usable.
        accelerator: Fabric's name for the hardware ("auto", "cpu", "cuda", "mps").
    """

    epochs: int = 16
    batch_size: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    augment: bool = True
    batch_norm: Literal["auto", "mixed", "source"] = "auto"
    selection: Literal["source_accuracy", "last"] = "source_accuracy"
    patience: int | None = None
    evaluation_limit: int = 1500
    saliency_limit: int = 750
    threads: int | None = None
    accelerator: str = "auto"


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines a run. ``alignments`` empty is noDA."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    alignments: tuple[AlignmentConfig, ...] = ()
    train: TrainConfig = field(default_factory=TrainConfig)
    seed: int = 0

    @property
    def method(self) -> str:
        """The alignments' names joined by "+", or "noda"."""
        return "+".join(a.name.rpartition(":")[2].lower() for a in self.alignments) or "noda"

    @property
    def batch_norm(self) -> str:
        """Which images give batch norm its statistics: "mixed" or "source", with "auto" resolved."""
        if self.train.batch_norm == "auto":
            return "mixed" if self.alignments else "source"
        return self.train.batch_norm


def preset(name: str) -> RunConfig:
    """The documented settings for a simulator preset: "distant" is the experiment, "demo" a smaller one for a first look."""
    data = DataConfig(source=name, target=name)
    if name == "demo":
        return RunConfig(data=data, train=TrainConfig(epochs=14, evaluation_limit=600, saliency_limit=200))
    return RunConfig(data=data)


def replace_at(config: RunConfig, path: str, value: Any) -> RunConfig:
    """A config with the field at a dotted path replaced, such as "train.epochs" or "alignments.dann.options.reversal".

    Raises:
        InputError: there is no such field, or the value does not fit it.
    """
    values = to_dict(config)
    place: Any = values
    *parents, last = path.split(".")
    for key in parents:
        found = next((a for a in place if a["name"] == key), None) if isinstance(place, list) else place.get(key)
        if found is None:
            raise InputError(f"There is no setting {path!r}: {key!r} is not one of {', '.join(_names(place))}.")
        place = found
    if not isinstance(place, dict) or (last not in place and parents[-1:] != ["options"]):
        raise InputError(f"There is no setting {path!r}; there are {', '.join(_names(place))}.")
    place[last] = value
    return from_dict(RunConfig, values)


def _names(place: Any) -> list[str]:
    return [item["name"] for item in place] if isinstance(place, list) else list(place) if isinstance(place, dict) else []


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON types."""
    return typing.cast(dict[str, Any], json.loads(json.dumps(dataclasses.asdict(config))))


def from_dict(kind: type[T], values: Any, where: str = "config") -> T:
    """The config of ``kind`` that ``to_dict`` wrote, or whose fields are given in part.

    Raises:
        InputError: an unknown field or a value of the wrong type, named by its path.
    """
    if not isinstance(values, dict):
        raise InputError(f"{where}: expected a JSON object with the fields of {kind.__name__}, got {values!r}.")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise InputError(f"{where}: unknown field {unknown[0]!r}; {kind.__name__} has {', '.join(hints)}.")
    return kind(**{key: _convert(hints[key], value, f"{where}.{key}") for key, value in values.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    if origin is tuple and isinstance(value, list | tuple):
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise InputError(f"{where}: expected {len(arguments)} values, got {len(value)}: {value!r}.")
        return tuple(_convert(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Literal:
        if value in arguments:
            return value
        raise InputError(f"{where}: expected one of {', '.join(map(repr, arguments))}, got {value!r}.")
    if origin is types.UnionType:
        if value is None:
            return None
        return _convert(arguments[0], value, where)
    plain = origin or hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        raise InputError(f"{where}: expected {plain.__name__}, got {value!r}.")
    return value


def config_hash(config: RunConfig) -> str:
    """Eight hexadecimal digits that are equal for equal configs."""
    return hashlib.sha256(json.dumps(to_dict(config), sort_keys=True).encode()).hexdigest()[:8]


def differences(configs: list[RunConfig]) -> dict[str, list[Any]]:
    """The settings that are not the same in all configs: dotted name -> value in each; what is "auto" counts as what it stands for."""
    flat = [_flatten(to_dict(config)) | {"train.batch_norm": config.batch_norm} for config in configs]
    names = list(dict.fromkeys(name for values in flat for name in values))
    table = {name: [values.get(name) for values in flat] for name in names}
    return {name: row for name, row in table.items() if any(value != row[0] for value in row)}


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
            value = {item["name"]: {k: v for k, v in item.items() if k != "name"} for item in value}
        if isinstance(value, dict) and value:
            flat |= _flatten(value, f"{prefix}{key}.")
        elif value != {} and value != []:
            flat[prefix + key] = value
    return flat
