"""Settings of a training, read from the configuration and the constructors."""

import dataclasses
import inspect
import json
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig, preset, replace_at
from daexplore.methods import WITHOUT_LOSS

__all__ = [
    "Setting",
    "check_settings",
    "data_settings",
    "method_settings",
    "train_settings",
    "words_of",
]

# These have a place of their own in the form.
_ELSEWHERE = {
    "data": {"source", "target", "source_read", "target_read", "more_sources"},
    "train": {"epochs", "supervision", "conditions"},
}


@dataclass(frozen=True)
class Setting:
    """One thing that can be set.

    Attributes:
        path: as ``--set`` names it, such as "train.batch_size".
        default: what holds if nothing is set.
        help: what it means, from the docstring.
        choices: the values there are, empty where any of the type goes.
    """

    path: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path, in words."""
        return self.path.rpartition(".")[2].replace("_", " ")

    @property
    def shown(self) -> str:
        """The default as one would write it after ``--set``."""
        return self.default if isinstance(self.default, str) else json.dumps(self.default)


def data_settings(name: str | None) -> list[Setting]:
    """Of the images, with the defaults of a preset, or of one's own images for None."""
    return _of_dataclass("data", DataConfig, _config(name).data)


def train_settings(name: str | None) -> list[Setting]:
    """Of the training, with the defaults of a preset, or of one's own images for None."""
    return _of_dataclass("train", TrainConfig, _config(name).train)


def method_settings(method: str, build: Callable[..., Any]) -> list[Setting]:
    """Of one alignment: its weight and the arguments of its constructor.

    Args:
        method: its name in a config.
        build: the class; taken as it is, since to import it takes seconds.
    """
    meanings = words_of(build.__doc__ or "")
    [weight] = (
        field.default for field in dataclasses.fields(AlignmentConfig) if field.name == "weight"
    )
    found = [
        Setting(
            f"alignments.{method}.weight",
            weight,
            "factor on the method's loss; 0 leaves the method without effect.",
        )
    ]
    for argument in list(inspect.signature(build).parameters.values())[2:]:
        default = (
            list(argument.default) if isinstance(argument.default, tuple) else argument.default
        )
        found.append(
            Setting(
                f"alignments.{method}.options.{argument.name}",
                default,
                meanings.get(argument.name, ""),
            )
        )
    return found


def check_settings(name: str | None, method: str, settings: Sequence[str]) -> None:
    """Refuses what the command line would refuse of ``--set``.

    Args:
        name: the preset, None for one's own images.
        method: alignments joined by "+".
        settings: each as "path=value".

    Raises:
        InputError: a setting that does not exist, or a value that cannot be.
    """
    config = _config(name)
    aligned = [part for part in method.split("+") if part not in WITHOUT_LOSS]
    config = dataclasses.replace(
        config, alignments=tuple(AlignmentConfig(part) for part in aligned)
    )
    for setting in settings:
        path, _, text = setting.partition("=")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        config = replace_at(config, path, value)


def words_of(docstring: str) -> dict[str, str]:
    """The meanings in a docstring's section Args or Attributes: name -> text on one line.

    >>> words_of('''A kernel.
    ...
    ... Args:
    ...     width: of the bell,
    ...         in pixels.
    ...     height: of it.
    ... ''')
    {'width': 'of the bell, in pixels.', 'height': 'of it.'}
    """
    found: dict[str, str] = {}
    for section in re.findall(
        r"(?:Args|Attributes):\n(.*?)(?:\n\s*\n|\Z)", inspect.cleandoc(docstring), re.DOTALL
    ):
        for name, text in re.findall(
            r"^ {4}(\w+): (.*?)(?=^ {4}\w+: |\Z)", section + "\n", re.MULTILINE | re.DOTALL
        ):
            found[name] = " ".join(text.split()).replace("``", "")
    return found


def _config(name: str | None) -> RunConfig:
    return RunConfig() if name is None else preset(name)


def _of_dataclass(prefix: str, kind: type, defaults: Any) -> list[Setting]:
    meanings, hints = words_of(kind.__doc__ or ""), typing.get_type_hints(kind)
    found = []
    for field in dataclasses.fields(kind):
        if field.name in _ELSEWHERE[prefix]:
            continue
        default = getattr(defaults, field.name)
        choices = (
            typing.get_args(hints[field.name])
            if typing.get_origin(hints[field.name]) is typing.Literal
            else ()
        )
        if hints[field.name] is bool:
            choices = (True, False)
        default = list(default) if isinstance(default, tuple) else default
        found.append(
            Setting(f"{prefix}.{field.name}", default, meanings.get(field.name, ""), choices)
        )
    return found
