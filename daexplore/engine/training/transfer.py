"""Starting a training from the network of another run, with that run's preprocessing."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from daexplore.config import DataConfig, ModelConfig, RunConfig, TransferConfig
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.inference import load_network
from daexplore.engine.training.data import TrainingData
from daexplore.engine.training.step import AdaptationStep
from daexplore.errors import InputError
from daexplore.models import Network, copy_source_statistics
from daexplore.runs import Run
from daexplore.utils.text import setting_list

__all__ = ["PretrainedRun", "freeze", "open_origin", "parameter_groups"]

# What describes the recorded steps; which bands and how they are matched belongs to the new images.
_STEPS = (
    "units",
    "background",
    "pixel_scale",
    "psf_fwhm",
    "stretch",
    "softening",
    "stretch_scale",
    "percentiles",
    "normalise",
)


@dataclass(frozen=True)
class PretrainedRun:
    """The run that a training starts from, at one epoch.

    Attributes:
        transfer: how the training starts from it.
        run: the run.
        epoch: of the weights.
        tensors: the network's weights, batch norm's running statistics among them.
        preprocess: the run's steps with the statistics of its own training images.
    """

    transfer: TransferConfig
    run: Run
    epoch: int
    tensors: dict[str, Tensor]
    preprocess: Preprocess

    @property
    def bands(self) -> list[str]:
        """The channels that the network was trained on, as its source calls them."""
        return list(self.run.config.data.bands or self.run.info["data"]["source"]["bands"])

    def complete(self, config: RunConfig) -> RunConfig:
        """The config with what the run decides filled in: network, image size and, where its
        preprocessing is used, those settings.

        Raises:
            InputError: the config asks for something else than the run has.
        """
        old = self.run.config
        model = old.model if config.model == ModelConfig() else config.model
        if model.name != old.model.name:
            raise InputError(
                f"The run {self.run.id} has the network {old.model.name} and the new training asks"
                f" for {model.name}. Leave the network out to take the run's, or start from a run"
                " of that network."
            )
        data = config.data
        if data.size is None:
            data = dataclasses.replace(data, size=self.preprocess.size[0])
        if self.transfer.preprocessing == "run":
            data = self._with_steps(data)
        return dataclasses.replace(config, model=model, data=data)

    def _with_steps(self, data: DataConfig) -> DataConfig:
        recorded = {name: getattr(self.run.config.data, name) for name in _STEPS} | {
            "size": self.preprocess.size[0]
        }
        for name, value in recorded.items():
            if getattr(data, name) not in (value, getattr(DataConfig(), name)):
                raise InputError(
                    f"The new training asks for data.{name}={getattr(data, name)!r}, but the images"
                    f" are to be preprocessed as in the run {self.run.id}, which has {value!r}."
                    " Leave the setting out, or learn new preprocessing with --fit-preprocessing."
                )
        return dataclasses.replace(data, **recorded)

    def load(self, network: Network, prepared: TrainingData) -> None:
        """Return the network the run's weights; with a new head, all but the head's.

        Bands of another survey take the places of the run's in their order; classes are matched by
        name.

        Raises:
            InputError: bands, classes or layers do not fit.
        """
        bands = prepared.preprocess.source.used
        if len(bands) != len(self.bands):
            raise InputError(
                f"The run {self.run.id} has {len(self.bands)} bands ({', '.join(self.bands)}) and"
                f" the new images have {len(bands)} ({', '.join(bands)}); one network needs the"
                " same number. Choose as many with --set 'data.bands=[…]'."
            )
        if set(bands) == set(self.bands) and list(bands) != self.bands:
            raise InputError(
                f"The new images have the bands {', '.join(bands)}, which the run {self.run.id} has"
                f" in another order: {', '.join(self.bands)}. Give them that order with --set"
                f" 'data.bands={setting_list(self.bands)}'."
            )
        tensors = (
            self.tensors
            if self.transfer.head == "keep"
            else {k: v for k, v in self.tensors.items() if not _in_head(k)}
        )
        if self.transfer.head == "keep":
            order = self._class_order(prepared.classes)
            tensors = tensors | {
                name: tensors[name][order] for name in ("head.weight", "head.bias")
            }
        own = network.state_dict()
        # Batch norm of another kind: what the new one does not keep apart is left out, what it does
        # starts from the source's.
        tensors = {
            name: tensor for name, tensor in tensors.items() if name in own or not _of_target(name)
        }
        for name, tensor in tensors.items():
            if name not in own or own[name].shape != tensor.shape:
                shape = f"has shape {tuple(own[name].shape)}" if name in own else "does not exist"
                raise InputError(
                    f"{name} of the run {self.run.id} (options {self.run.config.model.options},"
                    f" images of {self.preprocess.size[0]} pixels) has shape {tuple(tensor.shape)};"
                    f" in the new network (images of {prepared.preprocess.size[0]} pixels) it"
                    f" {shape}. Leave the network's options and data.size out to take the run's."
                )
        network.load_state_dict(tensors, strict=False)
        if not any(map(_of_target, tensors)):
            copy_source_statistics(network)

    def _class_order(self, classes: Sequence[str]) -> list[int]:
        old = self.run.classes
        if set(old) != set(classes):
            raise InputError(
                f"The run {self.run.id} has the classes {', '.join(old)} and the new images have"
                f" the classes {', '.join(classes)}. Start a new last layer for them with"
                " --new-head, or give the classes the same names."
            )
        return [old.index(name) for name in classes]

    def describe(self, prepared: TrainingData) -> dict[str, Any]:
        """What run.json records: from which weights of which run, and which of its bands each new
        band takes the place of.
        """
        weights = self.run.path / "weights" / f"epoch-{self.epoch:04d}.safetensors"
        return {
            "run": self.run.id,
            "path": str(self.run.path.absolute()),
            "epoch": self.epoch,
            "config_hash": self.run.info["config_hash"],
            "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
            "bands": [
                {"run": old, "new": new}
                for old, new in zip(self.bands, prepared.preprocess.source.used, strict=True)
            ],
        }


def open_origin(transfer: TransferConfig) -> PretrainedRun:
    """The run that a training is to start from, read and checked as far as it can be without the
    new images.

    Raises:
        InputError: no such run or epoch, damaged weights, impossible settings.
    """
    run = Run(transfer.run)
    epoch = run.selected_epoch if transfer.epoch is None else transfer.epoch
    if epoch is None:
        raise InputError(
            f"The run {run.id} has not ended its first epoch, so there are no weights to start"
            " from. Train it on, or take another."
        )
    if not 0 < transfer.rate < float("inf"):
        raise InputError(
            f"The rate of the layers taken over must be a positive factor, got {transfer.rate}."
            " Freeze layers to keep them."
        )
    network = load_network(run, epoch)
    broken = [
        name for name, tensor in network.state_dict().items() if not torch.isfinite(tensor).all()
    ]
    if broken:
        raise InputError(
            f"The run {run.id} has weights that are not finite at epoch {epoch}, first"
            f" {broken[0]!r}. Start from another epoch."
        )
    _frozen_parts(network, transfer)
    return PretrainedRun(
        transfer, run, epoch, network.state_dict(), Preprocess.from_dict(run.info["preprocessing"])
    )


def freeze(network: nn.Module, transfer: TransferConfig) -> None:
    """Keep the layers of ``transfer.freeze`` as they are.

    Their weights get no gradient. Batch norms among them normalise by their running statistics in
    training too and do not update them: otherwise a layer said to be frozen would still follow the
    new images.

    Raises:
        InputError: a name that is no part of the network, or nothing is left to train.
    """
    for name in _frozen_parts(network, transfer):
        part = network.get_submodule(name)
        part.requires_grad_(False)
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            # Code that puts the whole network into training mode, before each forward pass this one
            # leaves it.
            part.register_forward_pre_hook(_in_evaluation_mode)


def _in_evaluation_mode(module: nn.Module, _inputs: Any) -> None:
    module.eval()


def _frozen_parts(network: nn.Module, transfer: TransferConfig) -> list[str]:
    """The parts with weights that the names of ``transfer.freeze`` mean: a part itself, or the
    beginning of its dotted name.
    """
    parts = [
        name
        for name, part in network.named_modules()
        if next(part.parameters(recurse=False), None) is not None
    ]
    frozen: list[str] = []
    for name in transfer.freeze:
        chosen = [part for part in parts if part == name or part.startswith(name + ".")]
        if not chosen:
            raise InputError(
                f"The network has no part {name!r} to freeze. Parts with weights:"
                f" {', '.join(parts)}."
            )
        frozen += chosen
    if transfer.head == "new" and "head" in frozen:
        raise InputError(
            "The head cannot be both new and frozen: nothing would ever train it. Take it out of"
            " --freeze, or keep the old head."
        )
    if set(frozen) == set(parts):
        raise InputError(
            "All parts of the network are frozen, so nothing is left to train. Freeze fewer of"
            " them."
        )
    return frozen


def parameter_groups(adapter: AdaptationStep, config: RunConfig) -> list[dict[str, Any]]:
    """What the optimiser trains, with the peak learning rate of each group: new parts first, then
    those taken over; nothing frozen.
    """
    rate, transfer = config.train.learning_rate, config.transfer
    if transfer is None:
        first, *others = adapter.network.rate_groups()
        # One group for all that trains at the full rate: the order decides the optimiser's state.
        whole = len(first[0]) == len(list(adapter.network.parameters()))
        full = (
            list(adapter.parameters()) if whole else [*first[0], *adapter.alignments.parameters()]
        )
        rated = [(full, first[1]), *others]
        return [{"params": part, "lr": rate * factor} for part, factor in rated]
    prefix = "network."
    taken = {name for name, _ in adapter.named_parameters() if name.startswith(prefix)}
    if transfer.head == "new":
        taken = {name for name in taken if not _in_head(name.removeprefix(prefix))}
    groups: tuple[list[Tensor], list[Tensor]] = ([], [])
    for name, parameter in adapter.named_parameters():
        if parameter.requires_grad:
            groups[name in taken].append(parameter)
    rates = (rate, rate * transfer.rate)
    return [
        {"params": parameters, "lr": peak}
        for parameters, peak in zip(groups, rates, strict=True)
        if parameters
    ]


def _in_head(name: str) -> bool:
    return name.startswith("head.")


def _of_target(name: str) -> bool:
    return name.rpartition(".")[2].startswith("target_")
