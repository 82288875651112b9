"""A run's network with its preprocessing as one ONNX file, checked against torch."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.exports.base import Export, ExportOptions
from daexplore.exports.common import evaluated_run, needed, new_file, quiet
from daexplore.runs import Run

if TYPE_CHECKING:
    from daexplore.data.preprocessing.pipeline import Preprocess
    from daexplore.models import Network

__all__ = ["EXPORT", "OnnxExport", "to_onnx"]


_PURPOSE = "An export to ONNX"
_TOLERANCE = 1e-3
"""More than that, relative to the largest output, is no matter of rounding."""


@dataclass(frozen=True)
class OnnxExport:
    """A model that was written.

    Attributes:
        path: the file.
        epoch: of the weights.
        domain: whose preprocessing and batch-norm statistics are in it.
        shape: (channels, height, width) of the images that it takes.
        difference: largest absolute difference from torch, of "logits" and of "latent".
        images: how many it was checked on.
        on: what these are.
    """

    path: Path
    epoch: int
    domain: str
    shape: tuple[int, int, int]
    difference: dict[str, float]
    images: int
    on: str


def to_onnx(
    run: Run | str | Path,
    out: str | Path,
    *,
    epoch: int | None = None,
    domain: str = "target",
    check: int = 32,
    overwrite: bool = False,
) -> OnnxExport:
    """Write a model that takes images as they come and gives the network's answer.

    Input ``images``: (batch, channels, height, width) float32, with the channels, units, pixel
    scale and size of the domain's galaxy set; any number of them. Outputs ``logits`` (batch, K) and
    ``latent`` (batch, D). The recorded preprocessing is part of the model. Where the images are not
    on this machine and the preprocessing does not resample, the size is the network's own: crop or
    pad about the centre.

    Args:
        run: the run, or its folder.
        out: the file.
        epoch: of the weights; the selected one by default.
        domain: "source" or "target": whose preprocessing, and whose batch-norm statistics where the
            domains have their own.
        check: held-out images to compare with torch on.
        overwrite: whether ``out`` may be replaced.

    Raises:
        InputError: onnx, onnxscript or onnxruntime is not installed, the run is damaged or lacks
            the weights, the size of its images cannot be known, or ``out`` exists or cannot be
            written.
        RuntimeError: onnxruntime disagrees with torch by more than rounding.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        needed(package, package, _PURPOSE)
    if domain not in DOMAINS:
        raise InputError(f"The domain must be source or target; got {domain!r}.")
    if check < 1:
        raise InputError(f"A model is checked on at least one image; got {check}.")
    run = evaluated_run(run)
    found = run.evaluation(epoch)
    from daexplore.data.preprocessing.pipeline import Preprocess
    from daexplore.engine.inference import load_network

    with new_file(out, overwrite) as temporary:
        network, preprocess = (
            load_network(run, found.epoch),
            Preprocess.from_dict(run.info["preprocessing"]),
        )
        images, on = _checked_on(
            run, preprocess, domain, found.sample_ids[found.mask(domain, "test")][:check], check
        )
        _write(network, preprocess, domain, images, temporary)
        difference = _difference(network, preprocess, domain, images, temporary)
        shape = (int(images.shape[1]), int(images.shape[2]), int(images.shape[3]))
        done = OnnxExport(Path(out), found.epoch, domain, shape, difference, len(images), on)
        _describe(run, preprocess, done, temporary)
    return done


def _checked_on(
    run: Run, preprocess: "Preprocess", domain: str, ids: NDArray[np.object_], count: int
) -> tuple[NDArray[np.float32], str]:
    """(n, C, H, W) held-out images, or made-up ones of the network's own size where those are not
    on this machine; and which.
    """
    from daexplore.data import load_images
    from daexplore.data.preprocessing.steps import Resample

    try:
        if len(ids):
            pixels = load_images(run.info["data"][domain], domain, ids.tolist())[0]
            return np.ascontiguousarray(pixels, np.float32), f"held-out {domain} images"
    except InputError as error:
        steps = preprocess.source if domain == "source" else preprocess.target
        if any(isinstance(step, Resample) for step in steps.steps):
            raise InputError(
                f"{error} Without them the size of the images that the model takes cannot be known."
            ) from error
    return (
        _made_up(preprocess, domain, count),
        "made-up images, as the run's own are not on this machine",
    )


def _made_up(preprocess: "Preprocess", domain: str, count: int) -> NDArray[np.float32]:
    """(count, C, *size) of noise about as bright as the training images."""
    from daexplore.data.preprocessing.steps import Asinh, Normalise, Percentile, Units

    steps = preprocess.source if domain == "source" else preprocess.target
    scale, bands = 1.0, len(steps.bands)
    for step in steps.steps:
        if isinstance(step, Units):
            scale /= float(np.mean(step.flux_scale))
        elif isinstance(step, Asinh | Percentile | Normalise):
            own = {Asinh: "noise_scale", Percentile: "high", Normalise: "std"}[type(step)]
            scale *= float(np.abs(getattr(step, own)).mean())
            break
    noise = np.random.default_rng(0).normal(size=(count, bands, *preprocess.size))
    return np.asarray(scale * noise, np.float32)


def _write(
    network: "Network",
    preprocess: "Preprocess",
    domain: str,
    images: NDArray[np.float32],
    file: Path,
) -> None:
    import torch

    from daexplore.exports.onnx.steps import Whole
    from daexplore.models import batch_norm_domain

    steps = preprocess.source if domain == "source" else preprocess.target
    height, width = images.shape[2:]
    whole = Whole(steps, (height, width), network).eval()
    # A batch of one would be taken for a constant.
    example = torch.from_numpy(np.repeat(images[:1], 2, axis=0))
    with quiet(logging.ERROR, "torch.onnx"), batch_norm_domain(network, domain), torch.no_grad():
        torch.onnx.export(
            whole,
            (example,),
            file,
            dynamo=True,
            input_names=["images"],
            output_names=["logits", "latent"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )


def _difference(
    network: "Network",
    preprocess: "Preprocess",
    domain: str,
    images: NDArray[np.float32],
    file: Path,
) -> dict[str, float]:
    from daexplore.engine.inference import network_outputs

    expected = network_outputs(network, images, np.arange(len(images)), preprocess, domain)
    runtime = needed("onnxruntime", "onnxruntime", _PURPOSE)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    logits, latent = session.run(["logits", "latent"], {"images": images})
    found = {}
    for name, ours, theirs in (
        ("logits", expected.logits, logits),
        ("latent", expected.latents, latent),
    ):
        found[name] = float(np.abs(ours - theirs).max())
        if not found[name] <= _TOLERANCE * (1 + float(np.abs(ours).max())):
            raise RuntimeError(
                f"the exported model differs from torch by {found[name]:.3g} in its {name}"
            )
    return found


def _describe(run: Run, preprocess: "Preprocess", done: OnnxExport, file: Path) -> None:
    onnx = needed("onnx", "onnx", _PURPOSE)
    steps = preprocess.source if done.domain == "source" else preprocess.target
    told = run.info["data"][done.domain]
    about: dict[str, Any] = {
        "run": run.id,
        "method": run.method,
        "seed": run.seed,
        "epoch": done.epoch,
        "classes": list(run.classes),
        "domain": done.domain,
        "bands": list(steps.bands),
        "pixel_scale_arcsec": told.get("pixel_scale"),
        "checked": {"images": done.images, "on": done.on, "largest_difference": done.difference},
    }
    if run.config.uses_target_labels:
        about["oracle"] = "target labels taught this run"
    model = onnx.load(str(file))
    model.doc_string = (
        f"{run.label}, epoch {done.epoch}: images of the {done.domain} as they come, to logits and"
        " latent"
    )
    for key, value in about.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = (
            f"daexplore.{key}",
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
        )
    onnx.checker.check_model(model)
    onnx.save(model, str(file))


def _export(export: Export, runs: Sequence[Run], out: str, options: ExportOptions) -> Iterator[str]:
    for run in runs:
        done = to_onnx(
            run,
            export.file(run, runs, Path(out)),
            epoch=options.epoch,
            domain=options.domain or "target",
            overwrite=options.overwrite,
        )
        channels, height, width = done.shape
        shape = f"images (batch, {channels}, {height}, {width}) of the {done.domain}"
        yield f"{done.path}: epoch {done.epoch}; {shape} -> logits, latent"
        worst = ", ".join(f"{value:.2g} in {name}" for name, value in done.difference.items())
        yield f"  largest difference from torch on {done.images} {done.on}: {worst}"


EXPORT = Export("onnx", _export, ("domain",), ".onnx")
