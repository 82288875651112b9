"""Runs whose truth is known: a baseline that is off, a method that brings each class home, and one
that swaps galaxies between classes.
"""

from pathlib import Path

import numpy as np
from factories import BANDS, CLASSES, _metrics, make_samples

from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
from daexplore.runs import Run, RunWriter


def known_run(
    root: Path,
    kind: str,
    seed: int = 0,
    n: int = 480,
    target_labels=None,
    fingerprint: str = "0" * 16,
    **config,
) -> Run:
    """A finished run of one epoch.

    Args:
        root: folder of runs.
        kind: "noda" calls nearly all of the target non-merger, yet ranks it well; "mmd" puts each
            class in its place; "dann" gives the target the source's distribution, but with every
            seed other galaxies to the wrong class; "oracle" is a little better than mmd.
        seed: of the run.
        n: evaluated images.
        target_labels: function of the target's labels in samples.parquet, None leaves them.
        fingerprint: of both galaxy sets.
        config: fields of RunConfig to replace.
    """
    samples = make_samples(n)
    labels = samples["label"].to_numpy(np.int64).copy()
    alignments = () if kind in ("noda", "oracle") else (AlignmentConfig(kind),)
    train = TrainConfig(epochs=1, supervision="target" if kind == "oracle" else "source")
    given = {
        "data": DataConfig("distant", "distant"),
        "alignments": alignments,
        "train": train,
        "seed": seed,
    } | config
    if target_labels is not None:
        target = samples["domain"] == "target"
        samples.loc[target, "label"] = target_labels(samples.loc[target, "label"])
    data = {
        domain: {
            "name": domain,
            "n": len(samples) // 2,
            "fingerprint": fingerprint,
            "bands": list(BANDS),
            "pixel_scale": 0.06,
            "path": None,
        }
        for domain in ("source", "target")
    }
    writer = RunWriter.create(
        root,
        RunConfig(**given),
        data=data,
        classes=CLASSES,
        latent_dim=3,
        samples=samples,
        preprocessing={},
        mmd_bandwidths=[0.25, 0.5, 1.0, 2.0, 4.0],
    )
    evaluated = (samples["split"] != "train").to_numpy()
    latents = _latents(
        kind, labels[evaluated], (samples["domain"] == "target").to_numpy()[evaluated], seed
    )
    weight, bias = np.array([[-1.5, 0, 0], [1.5, 0, 0]], np.float32), np.zeros(2, np.float32)
    writer.write_weights(1, {"head.weight": weight, "head.bias": bias})
    writer.write_evaluation(
        1, samples["sample_id"].to_numpy(object)[evaluated], latents @ weight.T, latents
    )
    writer.update(
        status="finished", selected_epoch=1, progress={"epoch": 1, "epochs": 1, "fraction": 1.0}
    )
    writer.update(metrics=_metrics(Run(writer.path)))
    return Run(writer.path)


def _latents(kind: str, labels: np.ndarray, target: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 1])
    side = 2.0 * labels - 1
    if kind == "dann":
        side = np.where(target & (rng.random(len(labels)) < 0.4), rng.permutation(side), side)
    along = 1.5 * side + rng.normal(size=len(labels)) * np.where(
        target, {"noda": 1.5, "mmd": 1.05}.get(kind, 0.9), 0.9
    )
    across = 0.3 * rng.normal(size=(len(labels), 2))
    if kind == "noda":
        along -= 4.5 * target
        across[:, 0] += 2 * target
    return np.column_stack([along, across]).astype(np.float32)
