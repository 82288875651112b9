"""A run for MLflow: settings as parameters, history as metrics, tables and weights as artefacts."""

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from daexplore.config import to_dict
from daexplore.errors import InputError
from daexplore.exports.base import Export, ExportOptions
from daexplore.exports.common import evaluated_run, history_scalars, needed, quiet, selected_scalars
from daexplore.exports.parquet.table import to_parquet
from daexplore.runs import Run
from daexplore.runs.layout import weights_file

__all__ = ["EXPORT", "to_mlflow"]

_PURPOSE = "An export to MLflow"
_ID = "daexplore.run"
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "running": "RUNNING"}
_LONGEST = 6000
"""Letters of a parameter's value; the rest is in run.json, which goes along."""


def to_mlflow(
    run: Run | str | Path,
    out: str | Path,
    *,
    epoch: int | None = None,
    experiment: str = "daexplore",
    overwrite: bool = False,
) -> str:
    """Add a run to a store of MLflow.

    A folder gets ``mlflow.db`` and ``artifacts/``: look at it with ``mlflow ui --backend-store-uri
    sqlite:///OUT/mlflow.db``. MLflow writes the artefacts' place down in full, so the folder must
    stay where it is. An address such as ``http://…`` is a server's.

    Parameters are the settings (``train.epochs``), metrics those of ``to_tensorboard``, named
    alike, at step = epoch; artefacts run.json, history.jsonl, galaxies.parquet (``to_parquet``) and
    the epoch's weights. MLflow's own messages to its makers are switched off.

    Args:
        run: the run, or its folder.
        out: a folder, or the address of a store.
        epoch: whose outputs and weights; the selected one by default.
        experiment: name of the experiment to add it to.
        overwrite: whether the same run may be replaced if it is in the experiment.

    Returns:
        MLflow's id of the run.

    Raises:
        InputError: mlflow is not installed, the run is damaged, is in the experiment, or the store
            cannot be written.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    client_module, refused = _library(str(out))
    run = evaluated_run(run)
    epoch = run.evaluation(epoch).epoch
    address, artefacts = _places(out)
    with quiet(logging.WARNING, "mlflow", "alembic"):
        try:
            client = client_module.MlflowClient(address, registry_uri=address)
            number = _experiment(client, experiment, artefacts)
            _make_room(client, run, number, str(out), overwrite)
            return _add(client, run, number, epoch)
        except (refused, OSError) as error:
            raise InputError(
                f"MLflow cannot write to {out}: {error} Choose another place with --out."
            ) from error


def _library(out: str) -> tuple[Any, Any]:
    """MLflow's client and its exception; a database of our own needs two packages more."""
    with quiet(logging.WARNING, "mlflow", "alembic"):
        client = needed("mlflow.tracking", "mlflow-skinny", _PURPOSE)
        if "://" not in out:
            for package in ("sqlalchemy", "alembic"):
                needed(package, package, _PURPOSE)
        return client, needed("mlflow.exceptions", "mlflow-skinny", _PURPOSE).MlflowException


def _places(out: str | Path) -> tuple[str, str | None]:
    """Address of the store, and of its artefacts where they are ours to place."""
    if "://" in str(out):
        return str(out), None
    folder = Path(out).resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"{out} is a file; give a folder for MLflow's database and artefacts, or the address of"
            " a server."
        )
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "mlflow.db").is_file():
        raise InputError(
            f"{out} holds other things than a store of MLflow (there is no mlflow.db). Choose"
            " another folder with --out."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"Cannot write to {out}: {error}. Choose another place with --out."
        ) from error
    return f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()


def _experiment(client: Any, name: str, artefacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    return str(
        found.experiment_id
        if found
        else client.create_experiment(name, artifact_location=artefacts)
    )


def _make_room(client: Any, run: Run, experiment: str, out: str, overwrite: bool) -> None:
    for same in client.search_runs([experiment], f"tags.`{_ID}` = '{run.id}'"):
        if not overwrite:
            raise InputError(
                f"The run {run.id} is in {out} already. Choose another place, or replace it with"
                " --overwrite."
            )
        client.delete_run(same.info.run_id)


def _add(client: Any, run: Run, experiment: str, epoch: int) -> str:
    entities = needed("mlflow.entities", "mlflow-skinny", _PURPOSE)
    begun, ended = (
        _milliseconds(str(run.info.get(key, run.info["created"]))) for key in ("created", "updated")
    )
    tags = {
        _ID: run.id,
        "daexplore.method": run.method,
        "daexplore.status": run.status,
        "daexplore.epoch": str(epoch),
    }
    tags |= {"daexplore.classes": ", ".join(run.classes)}
    if run.config.uses_target_labels:
        tags["daexplore.oracle"] = "target labels taught this run"
    made = client.create_run(experiment, start_time=begun, tags=tags, run_name=run.label)
    number = str(made.info.run_id)
    params = [entities.Param(key, value[:_LONGEST]) for key, value in _flat(to_dict(run.config))]
    for part in _parts(params, 100):
        client.log_batch(number, params=part)
    metrics = [
        entities.Metric(name, value, begun, step)
        for name, step, value in history_scalars(run) + selected_scalars(run)
    ]
    for part in _parts(metrics, 1000):
        client.log_batch(number, metrics=part)
    for file in (run.path / "run.json", run.path / "history.jsonl", weights_file(run.path, epoch)):
        if file.is_file():
            client.log_artifact(number, str(file))
    with tempfile.TemporaryDirectory() as folder:
        client.log_artifact(
            number, str(to_parquet(run, Path(folder) / "galaxies.parquet", epoch=epoch))
        )
    client.set_terminated(number, _STATUS.get(run.status, "KILLED"), ended)
    return number


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    """MLflow takes so many at once."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """("train.epochs", "16") of nested settings; items of lists of settings by their name or
    number.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from _flat(item, f"{name}.{item.get('name', number)}")
    else:
        yield name, "" if value is None else str(value)


def _milliseconds(when: str) -> int:
    return int(datetime.fromisoformat(when).timestamp() * 1000)


def _write(export: Export, runs: Sequence[Run], out: str, options: ExportOptions) -> Iterator[str]:  # noqa: ARG001
    for run in runs:
        yield (
            f"{run.id}: run {to_mlflow(run, out, epoch=options.epoch, overwrite=options.overwrite)}"
        )
    if "://" not in out:
        store = f"sqlite:///{Path(out).resolve() / 'mlflow.db'}"
        yield f"See {'them' if len(runs) > 1 else 'it'} with: mlflow ui --backend-store-uri {store}"


EXPORT = Export("mlflow", _write)
