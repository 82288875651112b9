"""Believable runs and galaxies made in a moment, for tests that need some but train nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from daexplore.analysis.metrics.bootstrap import metrics_with_intervals
from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
from daexplore.data.galaxy_set import GalaxySet
from daexplore.runs import Run, RunWriter

BANDS = ("F814W", "F356W", "F160W")
CLASSES = ("non-merger", "merger")


def groups_of(n: int) -> int:
    """How many galaxies a run with ``n`` evaluated images knows: n / 2 evaluated in each domain,
    and a quarter as many for training.
    """
    return n // 2 + n // 8


def make_labels(galaxies: int, classes: int = 2) -> np.ndarray:
    """(galaxies,) the class of each galaxy, the same in every factory."""
    return np.random.default_rng(7).integers(0, classes, galaxies)


def make_galaxies(
    folder: Path, n: int, *, classes: Sequence[str] = CLASSES, size: int = 24
) -> tuple[GalaxySet, GalaxySet]:
    """Save ``folder/source`` and ``folder/target``: the same n Gaussian blobs without and with
    noise. Class k has k + 1 nuclei.
    """
    rng = np.random.default_rng(3)
    labels = make_labels(n, len(classes))
    y, x = (np.arange(size, dtype=np.float32) - (size - 1) / 2 for _ in range(2))
    images = np.zeros((n, len(BANDS), size, size), np.float32)
    for nucleus in range(len(classes)):
        centres = rng.normal(0, 0.1 * size if nucleus else 0.5, (n, 2)).astype(np.float32)
        widths = rng.uniform(0.06, 0.12, n).astype(np.float32) * size
        across = np.exp(-((x - centres[:, :1]) ** 2) / (2 * widths[:, None] ** 2))
        along = np.exp(-((y - centres[:, 1:]) ** 2) / (2 * widths[:, None] ** 2))
        colours = (
            rng.uniform(0.4, 1.0, (n, len(BANDS))).astype(np.float32) * (labels >= nucleus)[:, None]
        )
        images += np.einsum("nb,ny,nx->nbyx", colours, along, across)
    noisy = images + rng.normal(0, 0.1, images.shape).astype(np.float32)
    sets = []
    for domain, pixels in (("source", images), ("target", noisy)):
        catalogue = _catalogue(n, labels).assign(
            sample_id=[f"{domain}/G{i:05d}-0" for i in range(n)]
        )
        galaxies = GalaxySet(
            pixels, catalogue, tuple(classes), BANDS, domain, 0.06, {"made": "by the tests"}
        )
        galaxies.save(folder / domain)
        sets.append(galaxies)
    return sets[0], sets[1]


def make_samples(n: int, classes: int = 2) -> pd.DataFrame:
    """The samples of a run: ``groups_of(n)`` galaxies in both domains, the same ones held out in
    both.
    """
    count = groups_of(n)
    split = np.where(
        np.arange(count) < n // 8,
        "train",
        np.where(np.arange(count) < n // 8 + n // 6, "validation", "test"),
    )
    frames = [
        _catalogue(count, make_labels(count, classes)).assign(
            sample_id=[f"{domain}/G{i:05d}-0" for i in range(count)], domain=domain, split=split
        )
        for domain in ("source", "target")
    ]
    return pd.concat(frames, ignore_index=True)


def make_run(
    root: Path,
    method: str = "noda",
    seed: int = 0,
    n: int = 400,
    epochs: int = 5,
    latent_dim: int = 32,
    classes: Sequence[str] = CLASSES,
    status: str = "finished",
    data_path: Path | None = None,
    size: int = 24,
    saliency: bool | int = 1500,
    config: RunConfig | None = None,
) -> Run:
    """Write a run of ``n`` evaluated images whose domains lie apart, and for "mmd" and "dann" move
    together with the epochs.

    Args:
        root: folder of runs.
        method: "noda" or alignments joined by "+".
        seed: changes latents and head.
        n: validation and test images of both domains together.
        epochs: evaluated epochs.
        latent_dim: D, at least twice the number of classes.
        classes: their names.
        status: as in run.json; "running" claims to be written by this very process.
        data_path: a folder with the galaxies of ``make_galaxies``; made with the right number of
            them if it does not exist.
        size: of those images [pixel].
        saliency: of how many test images the last epoch has Grad-CAM maps.
        config: replaces the one that follows from method, seed and epochs.
    """
    if data_path is not None and not (data_path / "source").exists():
        make_galaxies(data_path, groups_of(n), classes=classes, size=size)
    folders = {
        domain: None if data_path is None else str(data_path / domain)
        for domain in ("source", "target")
    }
    samples = make_samples(n, len(classes))
    writer = RunWriter.create(
        root,
        config or run_settings(method, seed, epochs, folders),
        data={
            domain: {
                "name": domain,
                "n": len(samples) // 2,
                "fingerprint": "0" * 16,
                "bands": list(BANDS),
                "pixel_scale": 0.06,
                "path": path,
            }
            for domain, path in folders.items()
        },
        classes=classes,
        latent_dim=latent_dim,
        samples=samples,
        preprocessing={"stretch": "linear"},
        mmd_bandwidths=[0.25, 0.5, 1.0, 2.0, 4.0],
    )
    evaluated = samples[samples["split"] != "train"]
    accuracies = [
        write_epoch(writer, epoch, epochs, evaluated, seed) for epoch in range(1, epochs + 1)
    ]
    if saliency and epochs:
        _write_saliency(writer, epochs, evaluated, seed, 1500 if saliency is True else saliency)
    selected = int(np.argmax(accuracies)) + 1 if epochs else None
    writer.update(
        status=status,
        progress={"epoch": epochs, "epochs": epochs, "fraction": 1.0},
        selected_epoch=selected,
        selection={
            "rule": "source_accuracy",
            "value": max(accuracies, default=None),
            "uses_target_labels": False,
        },
        seconds={"training": 12.5, "evaluation": 1.5},
        error="RuntimeError: it went wrong" if status == "failed" else None,
    )
    run = Run(writer.path)
    if selected:
        writer.update(metrics=_metrics(run))
        run.reload()
    return run


def _catalogue(n: int, labels: np.ndarray) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    columns: dict[str, Any] = {
        "group_id": [f"G{i:05d}" for i in range(n)],
        "label": pd.array(labels, dtype="Int64"),
        "mass_ratio": rng.uniform(0.25, 1.0, n),
    }
    return pd.DataFrame(columns)


def run_settings(method: str, seed: int, epochs: int, folders: dict[str, str | None]) -> RunConfig:
    alignments = tuple(AlignmentConfig(name) for name in method.split("+") if name != "noda")
    data = DataConfig(folders["source"] or "distant", folders["target"] or "distant")
    return RunConfig(data=data, alignments=alignments, train=TrainConfig(epochs=epochs), seed=seed)


def write_epoch(
    writer: RunWriter, epoch: int, epochs: int, evaluated: pd.DataFrame, seed: int
) -> float:
    """Return the accuracy on source validation."""
    classes, latent_dim = len(writer.info["classes"]), writer.info["latent_dim"]
    # One basis a run: galaxies then move steadily from epoch to epoch.
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(latent_dim, latent_dim)))[0].T
    progress = epoch / epochs
    learned = 1 + 1.5 * progress
    shift = 3.0 * (1.0 if writer.info["method"] == "noda" else 1 - 0.8 * progress)
    labels = evaluated["label"].to_numpy(int)
    is_target = (evaluated["domain"] == "target").to_numpy()
    # The galaxies' own scatter is the same at every epoch.
    scatter = np.random.default_rng(seed + 1).normal(size=(len(evaluated), latent_dim))
    latents = (
        scatter
        + learned * basis[labels]
        + is_target[:, None] * shift * (basis[classes] + 0.8 * basis[0])
    )
    weight = learned * basis[:classes]
    bias = np.full(classes, -0.5 * learned**2)
    logits = latents @ weight.T + bias
    writer.write_weights(
        epoch, {"head.weight": weight.astype(np.float32), "head.bias": bias.astype(np.float32)}
    )
    writer.write_evaluation(epoch, evaluated["sample_id"].to_numpy(object), logits, latents)

    rows: list[dict[str, Any]] = []
    for window in range(10):
        step = (epoch - 1) * 100 + 10 * (window + 1)
        done = step / (100 * epochs)
        losses = {"task": 0.7 - 0.4 * done, "total": 0.9 - 0.5 * done}
        if "mmd" in writer.info["method"]:
            losses["mmd"] = 0.2 * (1 - done)
        if "dann" in writer.info["method"]:
            losses["domain"] = 0.5 + 0.19 * done
        for name, value in losses.items():
            domain = "source" if name == "task" else "both"
            rows.append(
                {
                    "epoch": epoch,
                    "step": step,
                    "split": "train",
                    "domain": domain,
                    "name": f"loss/{name}",
                    "value": value,
                }
            )
    correct = logits.argmax(axis=1) == labels
    found = {}
    for split in ("validation", "test"):
        here = (evaluated["split"] == split).to_numpy()
        for domain, inside in (("source", ~is_target), ("target", is_target)):
            found[domain, split] = float(correct[here & inside].mean())
            oracle = {"oracle": True} if domain == "target" else {}
            for name, value in (
                ("accuracy", found[domain, split]),
                ("auc", min(1.0, found[domain, split] + 0.05)),
            ):
                rows.append(
                    {
                        "epoch": epoch,
                        "step": epoch * 100,
                        "split": split,
                        "domain": domain,
                        "name": name,
                        "value": value,
                    }
                    | oracle
                )
        mmd2 = 0.02 * shift**2
        rows.append(
            {
                "epoch": epoch,
                "step": epoch * 100,
                "split": split,
                "domain": "both",
                "name": "mmd2",
                "value": mmd2,
            }
        )
    writer.append_history(rows)
    writer.update(progress={"epoch": epoch, "epochs": epochs, "fraction": progress})
    return found["source", "validation"]


def _write_saliency(
    writer: RunWriter, epoch: int, evaluated: pd.DataFrame, seed: int, count: int
) -> None:
    test = evaluated[evaluated["split"] == "test"].iloc[:count]
    rng = np.random.default_rng(seed + 2)
    centres = rng.uniform(2, 6, (len(test), 2))
    grid = np.arange(9)
    rows, cols = (np.exp(-0.2 * (grid - centres[:, i : i + 1]) ** 2) for i in range(2))
    writer.write_saliency(
        epoch,
        test["sample_id"].to_numpy(object),
        np.ones(len(test), int),
        rows[:, :, None] * cols[:, None, :],
    )


def _metrics(run: Run) -> dict[str, Any]:
    evaluation = run.evaluation()
    metrics: dict[str, Any] = {"source": {}, "target": {}}
    for domain in metrics:
        for split in ("validation", "test"):
            mask = evaluation.mask(domain, split)
            oracle = {"oracle": True} if domain == "target" else {}
            found = metrics_with_intervals(
                evaluation.labels[mask],
                evaluation.probabilities[mask],
                evaluation.group_ids[mask],
                resamples=50,
            )
            metrics[domain][split] = {name: value | oracle for name, value in found.items()}
    return metrics


def scene(**changes):
    """One simulated stamp with nothing in it, in three bands; bulges would be exponential."""
    from daexplore.data.simulate.scenes import Scene

    empty = {
        "particles": np.zeros((1, 1, 2)),
        "particle_fluxes": np.zeros((1, 1, 3)),
        "bulges": np.zeros((1, 1, 2)),
        "bulge_radii": np.ones((1, 1)),
        "bulge_axes": np.ones((1, 1)),
        "bulge_angles": np.zeros((1, 1)),
        "bulge_indices": np.full((1, 1), 1.0),
        "bulge_fluxes": np.zeros((1, 1, 3)),
        "stars": np.zeros((1, 1, 2)),
        "star_fluxes": np.zeros((1, 1, 3)),
    }
    return Scene(**(empty | changes))
