"""A training from data to run folder: exact resume, no use of target labels, selection,
failures.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from factories import make_galaxies
from small_training import EPOCHS, config, products

from daexplore.alignment import METHODS
from daexplore.config import RunConfig, TrainConfig, to_dict
from daexplore.data.galaxy_set import GalaxySet
from daexplore.engine.evaluate_run import evaluate_run
from daexplore.engine.explanation.gradcam import gradcam_map
from daexplore.engine.inference import load_network
from daexplore.engine.training.epoch_selection import select_epoch, should_stop
from daexplore.engine.training.label_free_scores import SCORES
from daexplore.engine.training.train import train
from daexplore.errors import InputError
from daexplore.runs import Run


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 120)
    return folder


@pytest.fixture(scope="module")
def run(galaxies, tmp_path_factory):
    return train(config(galaxies), tmp_path_factory.mktemp("runs"))


def test_a_finished_run_is_complete(run):
    assert run.status == "finished"
    assert run.evaluated == list(range(1, EPOCHS + 1))
    assert set(run.info["metrics"]) == {"source", "target"}
    assert all(entry["oracle"] for entry in run.info["metrics"]["target"]["test"].values())
    assert not any("oracle" in entry for entry in run.info["metrics"]["source"]["test"].values())
    history = run.history()
    assert {
        "loss/task",
        "loss/domain",
        "loss/total",
        "accuracy",
        "auc",
        "loss",
        "mmd2",
        "learning_rate",
    } <= set(history["name"])
    of_target = history[
        history["split"].isin(["validation", "test"]) & (history["domain"] == "target")
    ]
    free = of_target["name"].isin([*SCORES, "call_diversity"]) & (of_target["name"] != "accuracy")
    assert of_target["oracle"].equals(~free)
    assert set(SCORES) <= set(history["name"])
    saliency = run.saliency()
    assert saliency is not None
    assert len(saliency) == 20


def test_outputs_are_those_of_the_saved_weights(run):
    weight, bias = run.head()
    evaluation = run.evaluation()
    np.testing.assert_allclose(
        evaluation.latents @ weight.T + bias, evaluation.logits, rtol=1e-4, atol=1e-5
    )


def test_stored_gradcam_is_the_one_made_on_demand(run):
    saliency = run.saliency()
    sample = saliency.sample_ids[-1]
    on_demand = gradcam_map(run.path, run.selected_epoch, sample, "target")
    np.testing.assert_allclose(on_demand, saliency.map(sample), rtol=1e-3, atol=1e-5)


def test_evaluating_again_gives_the_run_s_own_metrics(run):
    again = evaluate_run(run.path)[run.label]
    for domain in ("source", "target"):
        for name in ("accuracy", "auc"):
            assert again[domain]["test"][name]["value"] == pytest.approx(
                run.info["metrics"][domain]["test"][name]["value"], abs=1e-6
            )


def test_evaluating_other_images(run, galaxies):
    other = evaluate_run(run.path, str(galaxies / "target"))
    ((name, metrics),) = other.items()
    assert "target" in name
    assert metrics["target"]["test"]["accuracy"]["n"] == 120


def test_held_out_galaxies_are_held_out_in_both_domains(run):
    samples = run.samples.reset_index()
    assert (samples.groupby("group_id")["split"].nunique() == 1).all()
    assert (samples.groupby("group_id")["domain"].nunique() == 2).all()


def test_equal_seeds_give_equal_runs_and_other_seeds_others(galaxies, run, tmp_path):
    again = train(config(galaxies), tmp_path)
    assert products(again.path) == products(run.path)
    other = train(config(galaxies, seed=1, epochs=1), tmp_path)
    assert not np.array_equal(other.evaluation(1).latents, run.evaluation(1).latents)


CHILD = """
import json, os, signal, sys
from daexplore.config import RunConfig, from_dict
from daexplore.engine.training.train import train
from daexplore.runs import RunWriter
epoch, when = int(sys.argv[3]), sys.argv[4]
method = "append_history" if when == "middle" else "write_evaluation"
original = getattr(RunWriter, method)
def dying(self, *arguments):
    original(self, *arguments)
    now = arguments[0] if when == "end" else arguments[0][0]["epoch"]
    if now == epoch:
        os.kill(os.getpid(), signal.SIGKILL)
setattr(RunWriter, method, dying)
train(from_dict(RunConfig, json.loads(sys.argv[1])), sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epoch", "when"),
    [(1, "middle"), (1, "end"), (2, "middle"), (3, "end"), (EPOCHS, "middle"), (EPOCHS, "end")],
)
def test_a_killed_run_resumes_bit_for_bit(galaxies, run, tmp_path, epoch, when):
    arguments = [json.dumps(to_dict(config(galaxies))), str(tmp_path), str(epoch), when]
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (path,) = tmp_path.glob("2*")
    assert Run(path).status == "interrupted"
    resumed = train(None, resume=path)
    assert products(resumed.path) == products(run.path)


@pytest.mark.slow
def test_an_interrupted_command_says_how_to_go_on_and_does(galaxies, tmp_path):
    command = [
        sys.executable,
        "-m",
        "daexplore",
        "train",
        "--source",
        str(galaxies / "source"),
        "--target",
        str(galaxies / "target"),
    ]
    child = subprocess.Popen(
        [*command, "--epochs", "500", "--runs", str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    until = time.time() + 120
    while not list(tmp_path.glob("*/evaluations/*2/*")) and time.time() < until:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "--resume" in errors
    assert "Traceback" not in errors
    (path,) = tmp_path.glob("2*")
    assert Run(path).status == "stopped"


@pytest.mark.parametrize("method", ["noda", *METHODS])
def test_permuting_target_labels_changes_nothing_that_was_trained_or_chosen(
    galaxies, tmp_path, method
):
    permuted = tmp_path / "permuted"
    target = GalaxySet.load(galaxies / "target")
    labels = np.random.default_rng(0).permutation(target.catalogue["label"].to_numpy())
    assert (labels != target.catalogue["label"].to_numpy()).any()
    dataclasses.replace(target, catalogue=target.catalogue.assign(label=labels)).save(
        permuted / "target"
    )
    GalaxySet.load(galaxies / "source").save(permuted / "source")
    runs = [
        train(config(folder, method, epochs=2), tmp_path / "runs")
        for folder in (galaxies, permuted)
    ]
    found = [products(run.path) for run in runs]
    for name in found[0]:
        if name not in ("metrics", "history.jsonl"):
            assert found[0][name] == found[1][name], name
    histories = [
        [line for line in run.read_new_lines()[0] if not line.get("oracle")] for run in runs
    ]
    assert histories[0] == histories[1]


def test_an_unlabelled_target_is_trained_on_without_target_metrics(galaxies, tmp_path):
    target = GalaxySet.load(galaxies / "target")
    unlabelled = target.catalogue.assign(label=pd.array([pd.NA] * len(target), dtype="Int64"))
    dataclasses.replace(target, catalogue=unlabelled).save(tmp_path / "target")
    GalaxySet.load(galaxies / "source").save(tmp_path / "source")
    run = train(config(tmp_path, "mmd", epochs=1), tmp_path / "runs")
    assert set(run.info["metrics"]) == {"source"}
    assert (run.evaluation().labels[run.evaluation().mask("target")] == -1).all()


def history(accuracies, losses=None):
    rows = []
    for epoch, value in enumerate(accuracies, start=1):
        for domain, shown in (("source", value), ("target", 1.0 - value)):
            rows.append(
                {
                    "epoch": epoch,
                    "split": "validation",
                    "domain": domain,
                    "name": "accuracy",
                    "value": shown,
                }
            )
    for epoch, value in enumerate(losses or [], start=1):
        rows.append(
            {
                "epoch": epoch,
                "split": "validation",
                "domain": "source",
                "name": "loss",
                "value": value,
            }
        )
    return pd.DataFrame(rows)


def test_the_best_source_validation_epoch_of_the_second_half_is_selected():
    assert select_epoch(history([0.99, 0.5, 0.6, 0.8, 0.8, 0.7]), RunConfig()) == (5, 0.8)
    assert select_epoch(
        history([0.99, 0.5, 0.6]), RunConfig(train=TrainConfig(selection="last"))
    ) == (3, 0.6)


def test_early_stopping_waits_for_the_source_validation_loss():
    patient = RunConfig(train=TrainConfig(patience=3))
    assert not should_stop(history([0.5] * 4, [3.0, 1.0, 2.0, 2.0]), patient)
    assert should_stop(history([0.5] * 5, [3.0, 1.0, 2.0, 2.0, 2.0]), patient)
    assert not should_stop(history([0.5] * 5, [3.0, 1.0, 2.0, 2.0, 2.0]), RunConfig())


def test_a_training_stops_early(galaxies, tmp_path):
    run = train(config(galaxies, "noda", epochs=30, patience=1, learning_rate=0.5), tmp_path)
    assert run.status == "finished"
    assert len(run.evaluated) < 30


def test_a_diverged_training_fails_with_advice(galaxies, tmp_path):
    with pytest.raises(InputError, match="Lower the learning rate"):
        train(config(galaxies, "noda", learning_rate=1e12), tmp_path)
    (path,) = tmp_path.glob("2*")
    assert Run(path).status == "failed"
    assert "learning rate" in Run(path).info["error"]


def test_weights_of_a_missing_epoch_say_so(run):
    with pytest.raises(InputError, match="no weights of epoch 99"):
        load_network(run, 99)


@pytest.mark.slow
def test_two_processes_under_torchrun_train_to_the_same(galaxies, run, tmp_path):
    """Batch norm sees each rank's own half of a batch, so the numbers are near those of one
    process, not equal to them.
    """
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        "-m",
        "daexplore",
        "train",
    ]
    command += [
        "--source",
        str(galaxies / "source"),
        "--target",
        str(galaxies / "target"),
        "--method",
        "dann",
        "--epochs",
        str(EPOCHS),
    ]
    command += [
        "--set",
        "train.batch_size=16",
        "--set",
        "train.evaluation_limit=60",
        "--runs",
        str(tmp_path),
        "--seed",
        "0..1",
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("DANN · seed 0:") == 1
    other, second = sorted((Run(path) for path in tmp_path.glob("2*")), key=lambda run: run.seed)
    assert second.status == "finished"
    assert other.evaluated == run.evaluated
    one, two = (
        item.info["metrics"]["source"]["test"]["accuracy"]["value"] for item in (run, other)
    )
    assert abs(one - two) < 0.25
