"""Checkpoint for an exact resume, as safetensors and JSON."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from daexplore.errors import InputError
from daexplore.utils.files import atomic_write

__all__ = ["has_state", "load_state", "save_state"]


def save_state(
    folder: Path, epoch: int, adapter: nn.Module, optimizer: torch.optim.Optimizer, schedule: Any
) -> None:
    """Write everything an exact resume after ``epoch`` needs; the JSON file, renamed into place
    last, makes it valid.

    Random numbers need no state: every stream is a function of (seed, epoch, rank).
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"adapter.{name}": value.contiguous() for name, value in adapter.state_dict().items()
    }
    state = optimizer.state_dict()
    for number, values in state["state"].items():
        tensors |= {
            f"optimizer.{number}.{name}": value.contiguous() for name, value in values.items()
        }
    save_file(tensors, folder / f"epoch-{epoch:04d}.safetensors")
    scalars = {"epoch": epoch, "groups": state["param_groups"], "schedule": schedule.state_dict()}
    with atomic_write(folder / f"epoch-{epoch:04d}.json") as temporary:
        temporary.write_text(json.dumps(scalars))
    for old in folder.glob("epoch-*"):
        if old.stem != f"epoch-{epoch:04d}":
            old.unlink()


def has_state(folder: Path) -> bool:
    """Whether there is a complete state to continue from."""
    return next(folder.glob("epoch-*.json"), None) is not None


def load_state(
    folder: Path, adapter: nn.Module, optimizer: torch.optim.Optimizer, schedule: Any
) -> int:
    """Restore the newest complete state and return its epoch, or 0 where there is none yet.

    Raises:
        InputError: a state that is there but cannot be read.
    """
    newest = max(folder.glob("epoch-*.json"), default=None)
    if newest is None:
        return 0
    try:
        scalars = json.loads(newest.read_text())
        tensors = load_file(newest.with_suffix(".safetensors"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"The resume state {newest} cannot be read: {error}. Start the training again."
        ) from error
    adapter.load_state_dict(
        {
            name.removeprefix("adapter."): value
            for name, value in tensors.items()
            if name.startswith("adapter.")
        }
    )
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": scalars["groups"]})
    schedule.load_state_dict(scalars["schedule"])
    return int(scalars["epoch"])
