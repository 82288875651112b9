"""A run for MLflow: read back by its own client, it says what the run's files say."""

import os
import shutil
import sys

import pandas as pd
import pytest
from exported import example
from factories import make_run

from daexplore.errors import InputError
from daexplore.exports import to_mlflow
from daexplore.runs import Run

pytestmark = [
    pytest.mark.slow,
    # Of MLflow's own database code, while the test reads with it.
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("home") / "runs", "mmd", n=40, epochs=2)


@pytest.fixture(scope="module")
def empty(tmp_path_factory, run):
    """A store with one run, made once: making the database takes seconds."""
    store = tmp_path_factory.mktemp("stores") / "store"
    to_mlflow(run, store)
    return store


def client(store):
    from mlflow.tracking import MlflowClient

    address = f"sqlite:///{store / 'mlflow.db'}"
    return MlflowClient(address, registry_uri=address)


def runs_in(store):
    reader = client(store)
    return reader, reader.search_runs([reader.get_experiment_by_name("daexplore").experiment_id])


def test_the_client_reads_settings_metrics_and_tables(run, empty):
    reader, (found,) = runs_in(empty)
    assert found.info.run_name == run.label
    assert found.info.status == "FINISHED"
    assert found.data.tags["daexplore.run"] == run.id
    assert found.data.params["train.epochs"] == "2"
    assert found.data.params["alignments.mmd.weight"] == "1.0"
    assert found.data.params["seed"] == "0"

    history = run.history()
    for name in ("test/source/accuracy", "oracle/test/target/accuracy", "validation/both/mmd2"):
        split, domain, metric = name.removeprefix("oracle/").split("/")
        rows = history[
            (history["split"] == split)
            & (history["domain"] == domain)
            & (history["name"] == metric)
        ]
        told = dict(zip(rows["epoch"], rows["value"], strict=True))
        assert {
            point.step: point.value for point in reader.get_metric_history(found.info.run_id, name)
        } == told
    windows = history.query("name == 'loss/mmd'")
    points = reader.get_metric_history(found.info.run_id, "windows/train/both/loss/mmd")
    assert sorted((point.step, point.value) for point in points) == sorted(
        zip(windows["step"], windows["value"], strict=True)
    )
    told = run.info["metrics"]["target"]["test"]["accuracy"]
    assert found.data.metrics["oracle/selected/test/target/accuracy"] == told["value"]
    assert found.data.metrics["oracle/selected/test/target/accuracy_low"] == told["low"]
    assert not [
        name
        for name in found.data.metrics
        if "target/accuracy" in name and not name.startswith("oracle/")
    ]

    names = {file.path for file in reader.list_artifacts(found.info.run_id)}
    weights = f"epoch-{run.selected_epoch:04d}.safetensors"
    assert names == {"run.json", "history.jsonl", "galaxies.parquet", weights}
    table = pd.read_parquet(
        empty / "artifacts" / found.info.run_id / "artifacts" / "galaxies.parquet"
    )
    assert table["sample_id"].tolist() == run.evaluation().sample_ids.tolist()
    assert (empty / "artifacts" / found.info.run_id / "artifacts" / weights).read_bytes() == (
        run.path / "weights" / weights
    ).read_bytes()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_run_comes_once_unless_it_is_to_be_replaced(run, empty, tmp_path):
    with pytest.raises(InputError, match=r"in .* already.*--overwrite"):
        to_mlflow(run, empty)
    before = runs_in(empty)[1][0].info.run_id
    assert to_mlflow(run, empty, overwrite=True) != before
    assert len(runs_in(empty)[1]) == 1
    failed = make_run(tmp_path / "runs", "dann", n=40, epochs=1, status="failed")
    to_mlflow(failed, empty)
    assert {found.info.status for found in runs_in(empty)[1]} == {"FINISHED", "FAILED"}


def test_a_packaged_run_goes_into_a_store_beside_others(empty, tmp_path):
    run = example(tmp_path)
    number = to_mlflow(run, empty)
    found = client(empty).get_run(number)
    assert (
        found.data.metrics["selected/test/source/auc"]
        == run.info["metrics"]["source"]["test"]["auc"]["value"]
    )
    assert found.data.params["data.source"] == "distant"


def test_a_folder_with_other_things_in_it_is_left_alone(run, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="other things"):
        to_mlflow(run, tmp_path)
    with pytest.raises(InputError, match="is a file"):
        to_mlflow(run, tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("library", ["mlflow.tracking", "sqlalchemy", "alembic"])
def test_a_missing_library_is_named(run, tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    package = "mlflow-skinny" if library.startswith("mlflow") else library
    with pytest.raises(InputError, match=rf"pip install {package}\b.*daexplore\[exports\]"):
        to_mlflow(run, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_damaged_run_leaves_nothing_behind(run, tmp_path):
    copy = Run(shutil.copytree(run.path, tmp_path / run.id))
    (copy.path / "samples.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"samples\.parquet"):
        to_mlflow(copy, tmp_path / "store")
    assert not (tmp_path / "store").exists()
