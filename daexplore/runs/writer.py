"""Writer of run folders: atomic files and an append-only history."""

import os
import platform
import re
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from daexplore import __version__
from daexplore.config import RunConfig, config_hash, to_dict
from daexplore.domains import DOMAINS, SPLITS
from daexplore.errors import InputError
from daexplore.runs import history
from daexplore.runs.evaluation import softmax
from daexplore.runs.layout import FORMAT, evaluation_file, saliency_file, weights_file
from daexplore.runs.parquet import vectors, write_table
from daexplore.runs.run import Run
from daexplore.utils.files import atomic_write, write_json
from daexplore.utils.processes import process_identity

__all__ = ["RunWriter", "check_root"]


def check_root(root: str | Path) -> None:
    """Make the folder of runs if need be and tries to write into it.

    Raises:
        InputError: it cannot be written to.
    """
    try:
        Path(root).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise _unwritable(root, error) from error


class RunWriter:
    """The one process that writes a run. Made by ``create`` or ``open``.

    Attributes:
        path: the run's folder.
        info: what run.json holds; change it through ``update``.
    """

    def __init__(self, path: Path, info: dict[str, Any]) -> None:
        self.path = path
        self.info = info

    @classmethod
    def create(
        cls,
        root: str | Path,
        config: RunConfig,
        *,
        data: Mapping[str, Any],
        classes: Sequence[str],
        latent_dim: int,
        samples: pd.DataFrame,
        versions: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> "RunWriter":
        """Make the folder of a new run below ``root``, complete from the moment it can be seen.

        Args:
            root: folder of runs, made if need be.
            config: everything that determines the run.
            data: of each domain what is needed to open it again and to recognise it: name, n,
                fingerprint, bands, pixel_scale, path.
            classes: names of the labels 0, 1, …
            latent_dim: D.
            samples: all galaxies: sample_id, group_id, domain, split, label and catalogue columns.
            versions: of further packages (torch).
            fields: anything else for run.json, e.g. ``preprocessing`` or ``mmd_bandwidths``.

        Raises:
            InputError: ``root`` cannot be written to, or ``samples`` is not as described.
        """
        _check_samples(samples)
        root = Path(root)
        now = datetime.now(UTC)
        info: dict[str, Any] = {
            "format": FORMAT,
            "id": "",
            "created": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "updated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "status": "running",
            "config": to_dict(config),
            "config_hash": config_hash(config),
            "method": config.method,
            "seed": config.seed,
            "versions": {
                "daexplore": __version__,
                "python": platform.python_version(),
                "numpy": np.__version__,
                **(versions or {}),
            },
            "process": process_identity(),
            "data": dict(data),
            "classes": list(classes),
            "latent_dim": latent_dim,
            "preprocessing": {},
            "progress": {"epoch": 0, "epochs": config.train.epochs, "fraction": 0.0},
            "evaluated": [],
            "selected_epoch": None,
            "selection": None,
            "mmd_bandwidths": None,
            "metrics": {},
            "seconds": {},
            "error": None,
            "tags": [],
            "note": "",
        }
        info |= fields
        method = re.sub("[^a-z0-9+_.]", "-", config.method)
        stem = f"{now:%Y%m%dT%H%M%S}-{method}-{info['config_hash']}"
        draft = root / f".{stem}-{uuid.uuid4().hex[:8]}"
        try:
            draft.mkdir(parents=True)
            with atomic_write(draft / "samples.parquet") as temporary:
                samples.reset_index(drop=True).to_parquet(temporary, index=False)
            (draft / "history.jsonl").touch()
            path = _publish(draft, root / stem, info)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise _unwritable(root, error) from error
        return cls(path, info)

    @classmethod
    def open(cls, path: str | Path) -> "RunWriter":
        """Continue writing a run that was stopped or interrupted; this process becomes its writer.

        Raises:
            InputError: the folder is not a readable run, or another process is still writing it.
        """
        run = Run(path)
        pid = (run.info.get("process") or {}).get("pid")
        if run.alive() and pid != os.getpid():
            raise InputError(
                f"Run {run.id} is being trained by process {pid}. Wait for it, or stop it first."
            )
        writer = cls(run.path, run.info)
        history.truncate(writer.history_path)
        writer.update(status="running", process=process_identity(), error=None)
        return writer

    @property
    def history_path(self) -> Path:
        """The history file."""
        return self.path / "history.jsonl"

    @property
    def resume_path(self) -> Path:
        """A folder for whatever the engine needs to continue; made if need be."""
        folder = self.path / "resume"
        folder.mkdir(exist_ok=True)
        return folder

    def weights_path(self, epoch: int) -> Path:
        """Where the tensors after ``epoch`` belong; ``write_weights`` puts them there."""
        return weights_file(self.path, epoch)

    def update(self, **fields: Any) -> None:
        """Set fields of run.json and rewrites it in one step."""
        self.info |= fields
        self.info["updated"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        write_json(self.path / "run.json", self.info)

    def append_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add lines; each has epoch, step, split, domain, name and value, and "oracle": true if
        target labels were used.
        """
        history.append(self.history_path, [dict(row) for row in rows])

    def write_weights(self, epoch: int, tensors: Mapping[str, NDArray[Any]]) -> Path:
        """Write the network's tensors after ``epoch``, among them head.weight (K, D) and head.bias
        (K,).
        """
        from safetensors.numpy import save

        with atomic_write(self.weights_path(epoch)) as temporary:
            # Its save_file would make a file that only its owner can read.
            temporary.write_bytes(
                save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
            )
        return self.weights_path(epoch)

    def write_evaluation(
        self,
        epoch: int,
        sample_ids: Sequence[str] | NDArray[Any],
        logits: NDArray[np.floating[Any]],
        latents: NDArray[np.floating[Any]],
    ) -> None:
        """Write the outputs after ``epoch`` and notes the epoch in run.json. Write its weights
        before.

        Args:
            epoch: counted from 1.
            sample_ids: (n,), the same ones in the same order at every epoch.
            logits: (n, K).
            latents: (n, D).
        """
        n, classes = len(sample_ids), len(self.info["classes"])
        if logits.shape != (n, classes) or latents.shape != (n, self.info["latent_dim"]):
            raise ValueError(
                f"Expected logits {(n, classes)} and latents {(n, self.info['latent_dim'])}, got"
                f" {logits.shape} and {latents.shape}."
            )
        probabilities = softmax(logits)
        predicted = probabilities.argmax(axis=1)
        shown = np.ones(n, np.int64) if classes == 2 else predicted
        columns = {
            "sample_id": pa.array(list(sample_ids), pa.string()),
            "predicted": predicted.astype(np.int64),
            "probability": probabilities[np.arange(n), shown].astype(np.float32),
            "logits": vectors(logits),
            "latent": vectors(latents),
        }
        write_table(evaluation_file(self.path, epoch), columns)
        self.update(evaluated=sorted({*self.info["evaluated"], epoch}))

    def write_saliency(
        self,
        epoch: int,
        sample_ids: Sequence[str] | NDArray[Any],
        classes: NDArray[np.integer[Any]],
        maps: NDArray[np.floating[Any]],
    ) -> None:
        """Write Grad-CAM maps after ``epoch``.

        Args:
            epoch: counted from 1.
            sample_ids: (n,).
            classes: (n,) the class each map explains.
            maps: (n, rows, cols) on the layer's own grid, >= 0, not normalised.
        """
        n, rows, cols = maps.shape
        columns = {
            "sample_id": pa.array(list(sample_ids), pa.string()),
            "class": np.asarray(classes, np.int64),
            "rows": np.full(n, rows, np.int32),
            "cols": np.full(n, cols, np.int32),
            "map": vectors(maps.reshape(n, rows * cols)),
        }
        write_table(saliency_file(self.path, epoch), columns)

    def truncate_history(self, epoch: int) -> None:
        """Drops a torn last line and the lines of all epochs after ``epoch``."""
        history.truncate(self.history_path, epoch)

    def rewind(self, epoch: int) -> None:
        """Make the run what it was when ``epoch`` ended: drops later history, outputs, weights,
        maps and derived files.
        """
        kept = [done for done in self.info["evaluated"] if done <= epoch]
        selected = self.info["selected_epoch"]
        # run.json first: should this be cut short, no reader is sent to a file that is gone.
        self.update(evaluated=kept, selected_epoch=selected if selected in kept else None)
        for entry in self.path.glob("*/*epoch[=-]*"):
            found = re.search(r"epoch[=-](\d+)", entry.name)
            if (
                entry.parent.name in ("evaluations", "saliency", "weights", "derived")
                and found
                and int(found[1]) > epoch
            ):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.truncate_history(epoch)


def _unwritable(root: str | Path, error: OSError) -> InputError:
    return InputError(
        f"The run folder {root} cannot be written to: {error}. Give another one, or make room or"
        " permission there."
    )


def _publish(draft: Path, path: Path, info: dict[str, Any]) -> Path:
    """Rename a draft to the first free name. A folder with content is never replaced, so of two
    processes only one gets a name.
    """
    stem = path.name
    for number in range(2, 10_000):
        write_json(draft / "run.json", info | {"id": path.name})
        try:
            draft.rename(path)
            info["id"] = path.name
            return path
        except OSError:
            if not path.exists():
                raise
        path = path.with_name(f"{stem}-{number}")
    raise InputError(f"{path.parent} holds too many runs named {stem}. Give another run folder.")


def _check_samples(samples: pd.DataFrame) -> None:
    for name in ("sample_id", "group_id", "domain", "split", "label"):
        if name not in samples.columns:
            raise InputError(
                f"Samples of a run: expected a column {name!r}, got"
                f" {', '.join(map(str, samples.columns))}."
            )
    repeated = samples["sample_id"][samples["sample_id"].duplicated()]
    if len(repeated):
        raise InputError(
            f"Samples of a run: sample_id {repeated.iloc[0]!r} occurs more than once; ids must be"
            " unique over both domains."
        )
    for name, allowed in (("domain", DOMAINS), ("split", SPLITS)):
        unknown = set(samples[name]) - set(allowed)
        if unknown:
            raise InputError(
                f"Samples of a run: {name} must be one of {', '.join(allowed)}, got"
                f" {unknown.pop()!r}."
            )
