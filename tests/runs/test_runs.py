"""Runs are read as they were written, without torch, and also without this package."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import make_run, make_samples

from daexplore.config import AlignmentConfig, RunConfig
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore, RunWriter

ROOT = Path(__file__).parents[2]


def create(root, config=None, samples=None, classes=("a", "b"), latent_dim=3, **fields):
    samples = make_samples(40, len(classes)) if samples is None else samples
    return RunWriter.create(
        root,
        config or RunConfig(),
        data={},
        classes=classes,
        latent_dim=latent_dim,
        samples=samples,
        **fields,
    )


def line(epoch, value=1.0, **fields):
    return {
        "epoch": epoch,
        "step": epoch,
        "split": "train",
        "domain": "both",
        "name": "loss/total",
        "value": value,
    } | fields


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
def test_outputs_are_read_as_written(tmp_path, classes):
    samples = make_samples(40, len(classes))
    samples.loc[samples["domain"] == "target", "label"] = pd.NA
    writer = create(tmp_path, samples=samples, classes=classes)
    rng = np.random.default_rng(0)
    # The evaluation sample is in an order of its own.
    chosen = samples[samples["split"] != "train"].sample(frac=1, random_state=0)
    logits, latents = (
        rng.normal(size=(len(chosen), len(classes))),
        rng.normal(size=(len(chosen), 3)),
    )
    writer.write_evaluation(2, chosen["sample_id"].to_numpy(), logits, latents)
    evaluation = Run(writer.path).evaluation(2)

    assert list(evaluation.sample_ids) == list(chosen["sample_id"])
    np.testing.assert_array_equal(evaluation.latents, latents.astype(np.float32))
    np.testing.assert_array_equal(evaluation.logits, logits.astype(np.float32))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(evaluation.probabilities, expected, rtol=1e-5)
    np.testing.assert_array_equal(evaluation.predicted, logits.argmax(axis=1))
    shown = expected[:, 1] if len(classes) == 2 else expected.max(axis=1)
    np.testing.assert_allclose(evaluation.probability, shown, rtol=1e-5)
    for i in range(len(chosen)):
        row = chosen.iloc[i]
        assert (evaluation.domain[i], evaluation.split[i], evaluation.group_ids[i]) == (
            row["domain"],
            row["split"],
            row["group_id"],
        )
        assert evaluation.labels[i] == (-1 if row["domain"] == "target" else row["label"])
    test = evaluation.mask("source", "test")
    assert set(evaluation.domain[test]) == {"source"}
    assert set(evaluation.split[test]) == {"test"}
    assert test.sum() == ((chosen["domain"] == "source") & (chosen["split"] == "test")).sum()


def test_config_and_label(tmp_path):
    config = RunConfig(
        alignments=(AlignmentConfig("mmd", 0.5, {"layer": "latent"}), AlignmentConfig("dann")),
        seed=3,
    )
    run = Run(create(tmp_path, config).path)
    assert run.config == config
    assert (run.method, run.seed, run.label) == ("mmd+dann", 3, "MMD+DANN · seed 3")
    assert run.id == run.info["id"] == run.path.name
    assert run.id.split("-")[1:] == ["mmd+dann", run.info["config_hash"]]


def test_head_gives_the_logits(tmp_path):
    run = make_run(tmp_path, "mmd", n=60, epochs=2)
    evaluation = run.evaluation(1)
    weight, bias = run.head(1)
    np.testing.assert_allclose(evaluation.latents @ weight.T + bias, evaluation.logits, atol=1e-4)


def test_saliency_of_exactly_that_epoch(tmp_path):
    writer = create(tmp_path)
    ids = make_samples(40)["sample_id"].to_numpy()[:4]
    maps = np.random.default_rng(0).random((4, 2, 3)).astype(np.float32)
    writer.update(evaluated=[1, 2])
    writer.write_saliency(2, ids, np.array([1, 1, 0, 1]), maps)
    run = Run(writer.path)
    assert run.saliency_epochs == [2]
    assert run.saliency(1) is None
    stored = run.saliency(2)
    np.testing.assert_array_equal(stored.maps, maps)
    np.testing.assert_array_equal(stored.map(ids[2]), maps[2])
    assert stored.map("nobody") is None
    assert list(stored.classes) == [1, 1, 0, 1]


def test_cached_arrays_cannot_be_changed(tmp_path):
    run = make_run(tmp_path, n=60, epochs=1)
    evaluation = run.evaluation()
    assert run.evaluation(1) is evaluation
    for values in (
        evaluation.latents,
        evaluation.logits,
        evaluation.labels,
        evaluation.sample_ids,
        run.saliency().maps,
    ):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = values[1]


def test_selected_epoch_falls_back_to_the_last(tmp_path):
    writer = create(tmp_path)
    run = Run(writer.path)
    assert run.selected_epoch is None
    with pytest.raises(InputError, match="none yet"):
        run.evaluation()
    writer.update(evaluated=[1, 2, 3])
    assert run.reload()
    assert run.selected_epoch == 3
    writer.update(selected_epoch=2)
    assert run.reload()
    assert not run.reload()
    assert run.selected_epoch == 2
    with pytest.raises(InputError, match="no evaluation of epoch 9; evaluated epochs: 1, 2, 3"):
        run.evaluation(9)


def test_history_grows_and_a_torn_line_waits(tmp_path):
    writer = create(tmp_path)
    run = Run(writer.path)
    assert run.history().empty
    writer.append_history([line(1, 0.5), line(1, float("nan"), oracle=True)])
    history = run.history()
    assert history["value"].tolist()[0] == 0.5
    assert np.isnan(history["value"][1])
    assert history["oracle"].tolist() == [False, True]

    rows, offset = run.read_new_lines()
    assert len(rows) == 2
    text = json.dumps(line(2, 0.25)) + "\n"
    with writer.history_path.open("a") as stream:
        stream.write(text[:20])
    assert run.read_new_lines(offset) == ([], offset)
    assert len(run.history()) == 2
    with writer.history_path.open("a") as stream:
        stream.write(text[20:])
    assert run.read_new_lines(offset) == ([line(2, 0.25)], offset + len(text))
    assert run.history()["value"].tolist()[2] == 0.25


def test_history_is_strict_json(tmp_path):
    writer = create(tmp_path)
    writer.append_history([line(1, float("nan")), line(1, np.float32(0.5)), line(1, float("inf"))])

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    values = [
        json.loads(text, parse_constant=refuse)["value"]
        for text in writer.history_path.read_text().splitlines()
    ]
    assert values == [None, 0.5, None]


def test_a_follower_notices_a_shortened_history(tmp_path):
    writer = create(tmp_path)
    run = Run(writer.path)
    writer.append_history([line(epoch) for epoch in (1, 2, 3, 4)])
    _, offset = run.read_new_lines()
    assert len(run.history()) == 4
    writer.truncate_history(2)
    rows, _ = run.read_new_lines(offset)
    assert [row["epoch"] for row in rows] == [1, 2]
    # Written on beyond the old length, with other lines.
    writer.append_history([line(epoch, value=0.125) for epoch in (3, 4, 5)])
    assert run.history()["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert run.history()["value"].tolist() == [1, 1, 0.125, 0.125, 0.125]


def test_rewinding_leaves_what_was_there_then(tmp_path):
    samples = make_samples(40)
    chosen = samples["sample_id"].to_numpy()[5:15]
    writer = create(tmp_path, samples=samples)

    def train(epochs):
        for epoch in epochs:
            rng = np.random.default_rng(epoch)
            writer.append_history([line(epoch, rng.random())])
            writer.write_weights(
                epoch, {"head.weight": rng.random((2, 3)), "head.bias": rng.random(2)}
            )
            writer.write_evaluation(epoch, chosen, rng.random((10, 2)), rng.random((10, 3)))
            writer.write_saliency(epoch, chosen, np.ones(10, int), rng.random((10, 2, 2)))
            writer.path.joinpath("derived").mkdir(exist_ok=True)
            Run(writer.path).derived(f"umap-epoch={epoch:04d}.parquet").write_bytes(b"")

    def content():
        files = {
            str(f.relative_to(writer.path)): f.read_bytes()
            for f in writer.path.rglob("*")
            if f.is_file() and f.name != "run.json"
        }
        info = json.loads((writer.path / "run.json").read_text())
        return files, info["evaluated"], info["selected_epoch"]

    train([1, 2])
    before = content()
    assert sorted(before[0]) == sorted(
        ["history.jsonl", "samples.parquet"]
        + [
            f"{kind}/epoch={e:04d}/{name}.parquet"
            for e in (1, 2)
            for kind, name in (("evaluations", "outputs"), ("saliency", "gradcam"))
        ]
        + [f"weights/epoch-{e:04d}.safetensors" for e in (1, 2)]
        + [f"derived/umap-epoch={e:04d}.parquet" for e in (1, 2)]
    )
    train([3, 4])
    writer.update(selected_epoch=4)
    with writer.history_path.open("a") as stream:
        stream.write('{"epoch": 5, "st')
    writer.rewind(2)
    assert content() == before
    train([3, 4])
    assert content()[1] == [1, 2, 3, 4]
    Run(writer.path).check()


def test_reading_needs_no_torch(tmp_path):
    run = make_run(tmp_path, n=60, epochs=2)
    code = f"""
import sys
import daexplore.runs
from daexplore.runs import RunStore
run = RunStore({str(tmp_path)!r}).runs()[0]
assert run.id == {run.id!r}
run.evaluation(), run.head(), run.history(), run.saliency(), run.samples, run.config
heavy = {{"torch", "sklearn", "umap", "numba", "panel", "holoviews", "bokeh"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_run_is_open_without_this_package(tmp_path):
    run = make_run(tmp_path, "mmd", n=60, epochs=2)
    code = f"""
import json, sys
import numpy as np, pandas as pd
from pathlib import Path
from safetensors.numpy import load_file

run = Path({str(run.path)!r})
info = json.loads((run / "run.json").read_text())
epoch = info["selected_epoch"]
history = pd.read_json(run / "history.jsonl", lines=True)
samples = pd.read_parquet(run / "samples.parquet")
outputs = pd.read_parquet(run / f"evaluations/epoch={{epoch:04d}}/outputs.parquet")
maps = pd.read_parquet(run / "saliency/epoch=0002/gradcam.parquet")
head = load_file(run / f"weights/epoch-{{epoch:04d}}.safetensors")

latents, logits = np.stack(outputs["latent"]), np.stack(outputs["logits"])
assert np.allclose(latents @ head["head.weight"].T + head["head.bias"], logits, atol=1e-4)
table = outputs.merge(samples, on="sample_id", validate="one_to_one")
here = (table["domain"] == "source") & (table["split"] == "test")
accuracy = (table["predicted"] == table["label"])[here].mean()
assert abs(accuracy - info["metrics"]["source"]["test"]["accuracy"]["value"]) < 1e-12
assert len(table) == len(outputs)
assert set(history["name"]) >= {{"loss/task", "loss/mmd", "accuracy", "mmd2"}}
assert np.stack(maps["map"]).shape[1] == maps["rows"][0] * maps["cols"][0]
assert "daexplore" not in sys.modules
np.save({str(tmp_path / "latents.npy")!r}, latents)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "latents.npy"), run.evaluation().latents)


def test_store_lists_newest_first_and_keeps_its_runs(tmp_path):
    assert RunStore(tmp_path / "none yet").runs() == []
    first = create(tmp_path)
    first.update(created="2026-01-01T00:00:00Z")
    store = RunStore(tmp_path)
    (known,) = store.runs()
    assert not store.refresh()
    second = create(tmp_path)
    (tmp_path / "notes").mkdir()
    assert store.refresh()
    assert [run.id for run in store.runs()] == [second.path.name, first.path.name]
    assert store.runs()[1] is known
    first.update(note="hello")
    assert store.refresh()
    assert known.info["note"] == "hello"
    assert store.get(first.path.name) is known


def test_store_finds_a_run_by_the_beginning_of_its_id(tmp_path):
    runs = [make_run(tmp_path, method, n=40, epochs=1) for method in ("noda", "mmd")]
    store = RunStore(tmp_path)
    assert store.get(runs[1].id[:-4]).id == runs[1].id
    with pytest.raises(InputError, match="Several runs begin with '20"):
        store.get("20")
    with pytest.raises(InputError, match="No run begins with 'nothing'"):
        store.get("nothing")
