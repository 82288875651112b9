"""Configs to JSON and back, one field of them changed, and several compared."""

import dataclasses
import hashlib
import json
import types
import typing
from typing import Any, Literal, TypeVar

from daexplore.config.fields import RunConfig
from daexplore.errors import InputError

__all__ = ["config_hash", "differences", "from_dict", "replace_at", "to_dict"]

T = TypeVar("T")


def replace_at(config: RunConfig, path: str, value: Any) -> RunConfig:
    """A config with the field at a dotted path replaced, such as "train.epochs" or
    "alignments.dann.options.reversal".

    Raises:
        InputError: there is no such field, or the value does not fit it.
    """
    values = to_dict(config)
    place: Any = values
    *parents, last = path.split(".")
    for key in parents:
        found = (
            next((a for a in place if a["name"] == key), None)
            if isinstance(place, list)
            else place.get(key)
        )
        if found is None and key in _names(place):
            raise InputError(
                f"The setting {path!r} has no place yet: {key!r} is not set at all in this config."
            )
        if found is None:
            raise InputError(
                f"There is no setting {path!r}: {key!r} is not one of {', '.join(_names(place))}."
            )
        place = found
    if not isinstance(place, dict) or (last not in place and parents[-1:] != ["options"]):
        raise InputError(f"There is no setting {path!r}; there are {', '.join(_names(place))}.")
    place[last] = value
    return from_dict(RunConfig, values)


def _names(place: Any) -> list[str]:
    return (
        [item["name"] for item in place]
        if isinstance(place, list)
        else list(place)
        if isinstance(place, dict)
        else []
    )


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON types."""
    return typing.cast(dict[str, Any], json.loads(json.dumps(dataclasses.asdict(config))))


def from_dict(kind: type[T], values: Any, where: str = "config") -> T:
    """The config of ``kind`` that ``to_dict`` wrote, or whose fields are given in part.

    Raises:
        InputError: an unknown field or a value of the wrong type, named by its path.
    """
    if not isinstance(values, dict):
        raise InputError(
            f"{where}: expected a JSON object with the fields of {kind.__name__}, got {values!r}."
        )
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise InputError(
            f"{where}: unknown field {unknown[0]!r}; {kind.__name__} has {', '.join(hints)}."
        )
    return kind(
        **{key: _convert(hints[key], value, f"{where}.{key}") for key, value in values.items()}
    )


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    if origin is tuple and isinstance(value, list | tuple):
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise InputError(
                f"{where}: expected {len(arguments)} values, got {len(value)}: {value!r}."
            )
        # Long lists of names or numbers come by the ten thousand: one look at their types.
        if arguments[0] in (str, int, float) and {type(item) for item in value} == {arguments[0]}:
            return tuple(value)
        return tuple(_convert(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Literal:
        if value in arguments:
            return value
        raise InputError(
            f"{where}: expected one of {', '.join(map(repr, arguments))}, got {value!r}."
        )
    if origin is types.UnionType:
        if value is None:
            return None
        return _convert(arguments[0], value, where)
    plain = origin or hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        expected = 'a list such as ["g","r","i"]' if plain is tuple else plain.__name__
        raise InputError(f"{where}: expected {expected}, got {value!r}.")
    return value


def config_hash(config: RunConfig) -> str:
    """Eight hexadecimal digits that are equal for equal configs."""
    return hashlib.sha256(json.dumps(to_dict(config), sort_keys=True).encode()).hexdigest()[:8]


def differences(configs: list[RunConfig]) -> dict[str, list[Any]]:
    """The settings that are not the same in all configs: dotted name -> value in each; what is
    "auto" counts as the value it means.
    """
    flat = [
        _flatten(to_dict(config)) | {"train.batch_norm": config.batch_norm} for config in configs
    ]
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
