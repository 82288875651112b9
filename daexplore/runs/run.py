"""A run read from its folder, lazily and without torch."""

import os
import socket
import time
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import RunConfig, from_dict
from daexplore.errors import InputError
from daexplore.methods import method_label
from daexplore.notebook_html import card, interval_text, table
from daexplore.runs.evaluation import Evaluation, Saliency
from daexplore.runs.history import history_frame, read_new_lines
from daexplore.runs.layout import FORMAT, evaluation_file, saliency_file, weights_file
from daexplore.runs.parquet import check_parquet, column, matrix, read_only, read_table
from daexplore.utils.files import read_json
from daexplore.utils.processes import process_exists

__all__ = ["Run", "run_card"]

_USUAL_NETWORK = "deepmerge"


_REQUIRED = (
    "id",
    "created",
    "status",
    "config",
    "method",
    "seed",
    "classes",
    "latent_dim",
    "evaluated",
)
_SAMPLE_COLUMNS = ("sample_id", "group_id", "domain", "split", "label")
_CACHED_EPOCHS = 24
# A process on another host cannot be asked; it counts as alive while its run changes at least this
# often [s].
_SILENCE = 900.0


class Run:
    """One run's folder. Only run.json is read at once; the rest when it is asked for. Arrays are
    shared and read-only.

    Args:
        path: the folder that holds run.json.

    Raises:
        InputError: run.json is missing, damaged, or of a format this version does not know. Every
            reading method raises it too, naming the file that is at fault.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.info: dict[str, Any] = {}
        self._stamp: tuple[int, ...] = ()
        self._lines: list[dict[str, Any]] = []
        self._history_file = 0
        self._offset = 0
        self._known: tuple[pd.DataFrame, dict[str, NDArray[Any]]] | None = None
        self._evaluations = lru_cache(maxsize=_CACHED_EPOCHS)(self._read_evaluation)
        self._saliencies = lru_cache(maxsize=_CACHED_EPOCHS)(self._read_saliency)
        self.reload()

    def __repr__(self) -> str:
        return (
            f"Run({self.id!r}: {self.label}, {self.status}, {len(self.evaluated)} epochs evaluated)"
        )

    def _repr_html_(self) -> str:
        return run_card(self)

    def reload(self) -> bool:
        """Read run.json again if it was rewritten; True if it was."""
        file = self.path / "run.json"
        stamp = _stamp(file)
        if stamp and stamp == self._stamp:
            return False
        self.info = _checked(read_json(file), file)
        self._stamp = stamp
        self.__dict__.pop("config", None)
        return True

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @cached_property
    def config(self) -> RunConfig:
        """Everything that determined the run."""
        return from_dict(RunConfig, self.info["config"], f"{self.path / 'run.json'}: config")

    @property
    def method(self) -> str:
        """The alignments, e.g. "noda", "mmd", "mmd+fisher"."""
        return str(self.info["method"])

    @property
    def seed(self) -> int:
        """The random seed."""
        return int(self.info["seed"])

    @property
    def label(self) -> str:
        """Method, network and seed for a reader: "MMD · seed 0", "MMD + transfer · seed 0" if it
        started from another run's network, "MMD · resnet18 · seed 0" if that is not DeepMerge.
        """
        config = self.info["config"]
        transfer = " + transfer" if config.get("transfer") and not config.get("adaptation") else ""
        network = str(config.get("model", {}).get("name", _USUAL_NETWORK))
        named = "" if network == _USUAL_NETWORK else f" · {network}"
        return f"{method_label(self.method)}{transfer}{named} · seed {self.seed}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels 0, 1, …"""
        return tuple(self.info["classes"])

    @property
    def status(self) -> str:
        """One of running, stopped, finished, failed, or interrupted: it says running but its
        process is gone.
        """
        status = str(self.info["status"])
        return "interrupted" if status == "running" and not self.alive() else status

    @property
    def evaluated(self) -> list[int]:
        """Epochs that have outputs, in order."""
        return sorted(int(epoch) for epoch in self.info["evaluated"])

    @property
    def selected_epoch(self) -> int | None:
        """The epoch that represents the run: the selected one, else the last evaluated; None before
        the first.
        """
        selected = self.info.get("selected_epoch")
        if selected is not None and selected in self.info["evaluated"]:
            return int(selected)
        return self.evaluated[-1] if self.evaluated else None

    def alive(self) -> bool:
        """Whether a process is training this run now."""
        if self.info["status"] != "running":
            return False
        mark = self.info.get("process") or {}
        if mark.get("host") == socket.gethostname():
            return process_exists(mark)
        changed = max(
            (_mtime(self.path / name) for name in ("run.json", "history.jsonl")), default=0.0
        )
        return time.time() - changed < _SILENCE

    @cached_property
    def samples(self) -> pd.DataFrame:
        """All galaxies of the run, indexed by sample_id: group_id, domain, split, label (nullable)
        and their catalogue columns.
        """
        file = self.path / "samples.parquet"
        frame: pd.DataFrame = read_table(file, _SAMPLE_COLUMNS).to_pandas().set_index("sample_id")
        if frame.index.has_duplicates:
            raise InputError(
                f"{file}: sample_id {frame.index[frame.index.duplicated()][0]!r} occurs more than"
                " once."
            )
        return frame.assign(label=frame["label"].astype("Int64"))

    def evaluation(self, epoch: int | None = None) -> Evaluation:
        """What the network said of the evaluation sample after ``epoch``; None means the selected
        one.
        """
        epoch = self._epoch(epoch)
        return self._evaluations(epoch, _stamp(evaluation_file(self.path, epoch)))

    def head(self, epoch: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The linear head after ``epoch``: weight (K, D) and bias (K,), so that logits = latents @
        weight.T + bias.
        """
        from safetensors import SafetensorError, safe_open

        file = weights_file(self.path, self._epoch(epoch))
        try:
            with safe_open(str(file), framework="np") as tensors:
                return tensors.get_tensor("head.weight"), tensors.get_tensor("head.bias")
        except FileNotFoundError as error:
            raise InputError(
                f"{file} is missing. Restore it from a copy, or train the run again."
            ) from error
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"{file} cannot be read, or lacks head.weight or head.bias ({error}). Restore it"
                " from a copy."
            ) from error

    def history(self) -> pd.DataFrame:
        """All complete lines of history.jsonl; only those added since the last call are read.

        Returns:
            Columns epoch, step, split, domain, name, value (NaN where undefined), oracle (whether
            target labels were used).
        """
        file = self.path / "history.jsonl"
        inode = file.stat().st_ino if file.is_file() else 0
        # A resumed run puts a shortened history in the place of the old one: then everything is
        # read again.
        if inode != self._history_file:
            self._lines, self._offset, self._history_file = [], 0, inode
        rows, offset = read_new_lines(file, self._offset)
        if offset < self._offset:
            self._lines = []
        self._lines, self._offset = self._lines + rows, offset
        return history_frame(self._lines)

    def read_new_lines(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The complete history lines from byte ``offset`` on, and the offset to ask with next time.

        If the file was shortened meanwhile (the run was resumed from an earlier epoch), all its
        lines come again.
        """
        return read_new_lines(self.path / "history.jsonl", offset)

    @property
    def saliency_epochs(self) -> list[int]:
        """Epochs with stored Grad-CAM maps, in order."""
        return sorted(
            int(file.parent.name.partition("=")[2])
            for file in self.path.glob("saliency/epoch=*/gradcam.parquet")
        )

    def saliency(self, epoch: int | None = None) -> Saliency | None:
        """The Grad-CAM maps after exactly this epoch (None: the selected one), or None if there are
        none.
        """
        epoch = self._epoch(epoch)
        stamp = _stamp(saliency_file(self.path, epoch))
        return self._saliencies(epoch, stamp) if stamp else None

    def derived(self, name: str) -> Path:
        """Where a recomputable file of this name is, whether it exists or not."""
        return self.path / "derived" / name

    def check(self) -> None:
        """Look for missing and truncated files without reading them whole.

        Raises:
            InputError: the first one found.
        """
        if not (self.path / "history.jsonl").is_file():
            raise InputError(
                f"{self.path / 'history.jsonl'} is missing. Restore it from a copy, or remove the"
                " run's folder."
            )
        check_parquet(self.path / "samples.parquet")
        for epoch in self.evaluated:
            check_parquet(evaluation_file(self.path, epoch))
        for epoch in self.saliency_epochs:
            check_parquet(saliency_file(self.path, epoch))

    def _epoch(self, epoch: int | None) -> int:
        if epoch is None:
            epoch = self.selected_epoch
        if epoch is None or epoch not in self.info["evaluated"]:
            has = ", ".join(map(str, self.evaluated)) or "none yet"
            raise InputError(
                f"Run {self.id} has no evaluation of epoch {epoch}; evaluated epochs: {has}."
            )
        return epoch

    def _read_evaluation(self, epoch: int, version: tuple[int, ...]) -> Evaluation:
        key = (self.path, epoch, version, _stamp(self.path / "samples.parquet"))
        found = _shared.get(key)
        if found is None:
            found = _shared[key] = self._read_outputs(epoch)
        return found

    def _read_outputs(self, epoch: int) -> Evaluation:
        file = evaluation_file(self.path, epoch)
        table = read_table(file, ("sample_id", "predicted", "probability", "logits", "latent"))
        return Evaluation(
            epoch=epoch,
            predicted=column(table, "predicted"),
            probability=column(table, "probability"),
            logits=matrix(table, "logits", file),
            latents=matrix(table, "latent", file),
            **self._galaxies(column(table, "sample_id"), file),
        )

    def _galaxies(self, ids: NDArray[Any], file: Path) -> dict[str, NDArray[Any]]:
        """Columns of an evaluation that describe its galaxies. They are the same at every epoch, so
        all epochs share these arrays.
        """
        samples, known = self.samples, self._known
        if (
            known is None
            or known[0] is not samples
            or not np.array_equal(known[1]["sample_ids"], ids)
        ):
            rows = samples.index.get_indexer(pd.Index(list(ids), dtype=samples.index.dtype))
            if (rows < 0).any():
                raise InputError(
                    f"{file}: galaxy {list(ids)[int(np.argmax(rows < 0))]!r} is not in"
                    f" {self.path / 'samples.parquet'}."
                )
            names = {"domain": "domain", "split": "split", "group_ids": "group_id"}
            columns = {
                name: read_only(samples[known_as].to_numpy(object)[rows])
                for name, known_as in names.items()
            }
            labels = read_only(samples["label"].fillna(-1).to_numpy(np.int64)[rows])
            known = self._known = samples, {"sample_ids": ids, "labels": labels} | columns
        return known[1]

    def _read_saliency(self, epoch: int, _version: tuple[int, ...]) -> Saliency:
        file = saliency_file(self.path, epoch)
        table = read_table(file, ("sample_id", "class", "rows", "cols", "map"))
        shapes = set(zip(table["rows"].to_pylist(), table["cols"].to_pylist(), strict=True))
        flat = matrix(table, "map", file)
        if len(shapes) > 1 or any(rows * cols != flat.shape[1] for rows, cols in shapes):
            raise InputError(
                f"{file}: expected maps of one shape rows x cols, got {sorted(shapes)} with"
                f" {flat.shape[1]} values each."
            )
        rows, cols = next(iter(shapes), (0, 0))
        return Saliency(
            epoch, column(table, "sample_id"), column(table, "class"), flat.reshape(-1, rows, cols)
        )


# What several readers of one run hold is in memory once: it is read-only.
_shared: WeakValueDictionary[tuple[Any, ...], Evaluation] = WeakValueDictionary()


def _checked(info: dict[str, Any], file: Path) -> dict[str, Any]:
    version = info.get("format")
    if not isinstance(version, int) or version < 1:
        raise InputError(
            f'{file}: expected "format": {FORMAT}, got {version!r}; this is not a run of daexplore.'
        )
    if version > FORMAT:
        raise InputError(
            f"{file} has format {version}, this daexplore reads up to {FORMAT}. Update daexplore to"
            " open it."
        )
    missing = [name for name in _REQUIRED if name not in info]
    if missing:
        raise InputError(
            f"{file} lacks {missing[0]!r}. Restore it from a copy, or remove the run's folder."
        )
    return info


def _stamp(file: Path) -> tuple[int, ...]:
    """Changes whenever the file is replaced; empty if it does not exist."""
    try:
        stat = os.stat(file)
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _mtime(file: Path) -> float:
    return file.stat().st_mtime if file.exists() else 0.0


_SHOWN = {"accuracy": "accuracy", "auc": "AUC", "precision": "precision", "recall": "recall"}


def run_card(run: "Run") -> str:
    """HTML with the metrics of run.json on the test split, or on validation where nothing was
    tested.
    """
    data = run.info.get("data") or {}
    sets = [
        f"{' '.join(dict.fromkeys((domain, str(about.get('name', '?')))))}, {about.get('n', '?')}"
        " images"
        for domain, about in data.items()
    ]
    rule = str((run.info.get("selection") or {}).get("rule", "")).replace("_", " ")
    selected = (
        f", epoch {run.selected_epoch} selected{f' by {rule}' if rule else ''}"
        if run.selected_epoch
        else ""
    )
    lines = (
        f"{run.status}, {len(run.evaluated)} epochs evaluated{selected}",
        "; ".join(sets),
        f"run {run.id}",
    )
    rows = [
        _row(domain, split, found)
        for domain, split, found in _measured(run.info.get("metrics") or {})
    ]
    note = (
        ["Metrics with intervals over galaxies; oracle: target labels were used."]
        if rows
        else ["No metrics yet."]
    )
    numbers = table(("domain", "split", "n", "labels", *_SHOWN.values()), rows)
    return card(run.label, filter(None, lines), numbers, card("", note))


def _measured(metrics: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    split = "test" if any(found.get("test") for found in metrics.values()) else "validation"
    return [(domain, split, found[split]) for domain, found in metrics.items() if found.get(split)]


def _row(domain: str, split: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    n = max(int(entry.get("n") or 0) for entry in found.values())
    oracle = any(entry.get("oracle", domain == "target") for entry in found.values())
    numbers = (found.get(name, {}) for name in _SHOWN)
    return (
        domain,
        split,
        str(n),
        "oracle" if oracle else "known",
        *(interval_text(*map(each.get, ("value", "low", "high"))) for each in numbers),
    )
