"""Weights of a file: safetensors, or a state dict without pickled code."""

import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from daexplore.errors import InputError

__all__ = ["load_weights", "read_weights"]

_NESTED = ("state_dict", "model", "model_state_dict", "net")
_PREFIXES = ("module.", "encoder.", "model.")
_HEADS = ("head.", "fc.", "_fc.", "classifier.")


def read_weights(file: str | Path) -> dict[str, Tensor]:
    """The named tensors of a file.

    Nothing is unpickled but tensors and plain containers (``weights_only``).

    Raises:
        InputError: the file is missing, holds something else, or would run code.
    """
    path = Path(file)
    if not path.is_file():
        raise InputError(f"--weights: there is no file {path}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # About protocols of pickle, of no use to a user.
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # A hostile file can raise anything in its reader.
        raise InputError(
            f"{path} holds no weights that can be read safely: {_first_line(error)} Save"
            " them as safetensors, or as a state dict with torch.save(network.state_dict(), FILE)."
        ) from error
    for name in _NESTED:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    tensors = (
        {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
        if isinstance(found, dict)
        else {}
    )
    if not tensors:
        raise InputError(f"{path} holds no state dict: names with tensors were expected.")
    return tensors


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def load_weights(module: nn.Module, file: str | Path) -> None:
    """Load a file into a module; a classifier's last layer may be missing or of another shape.

    Names may begin with "module.", "encoder." or "model.", as wrappers of other packages add them.

    Raises:
        InputError: as ``read_weights``, or tensors that do not fit.
    """
    tensors, own = read_weights(file), module.state_dict()
    for prefix in _PREFIXES:
        if not set(tensors) & set(own) and any(name.startswith(prefix) for name in tensors):
            tensors = {
                name.removeprefix(prefix): value
                for name, value in tensors.items()
                if name.startswith(prefix)
            }
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if name in own and own[name].shape == tensor.shape
    }
    missing = [
        name
        for name in own
        if name not in fitting
        and not name.startswith(_HEADS)
        and not name.endswith("num_batches_tracked")
    ]
    if missing:
        name = missing[0]
        found = (
            f"has shape {tuple(tensors[name].shape)} in the file"
            if name in tensors
            else "is absent"
        )
        raise InputError(
            f"{file} does not fit the network: {len(missing)} of {len(own)} tensors, first"
            f" {name!r} of shape {tuple(own[name].shape)}, which {found}."
        )
    module.load_state_dict(fitting, strict=False)
