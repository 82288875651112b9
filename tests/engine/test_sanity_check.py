"""The check against random weights: what is randomised, and that maps which ignore the network are
found out.
"""

import json

import holoviews as hv
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from command import call
from factories import make_galaxies, make_run
from scipy.stats import spearmanr
from small_training import config

from daexplore.analysis.saliency.maps import gradcam
from daexplore.config import ModelConfig
from daexplore.engine.explanation.sanity_check import layers_of, randomised, sanity_check
from daexplore.engine.explanation.tables import (
    iou_rows,
    maps_by_outcome,
    outcome_rows,
    saliency_maps,
    sanity_rows,
)
from daexplore.engine.training.train import train
from daexplore.errors import InputError
from daexplore.models import build_network
from daexplore.runs import Run
from daexplore.views.plots.saliency import map_limit, outcome_grid, outcome_title, sanity_curves

LAYERS = ["head", "hidden.4", "hidden.2", "convolutions.8", "convolutions.4", "convolutions.0"]


def network(batch_norm="mixed"):
    torch.manual_seed(5)
    made = build_network(ModelConfig("deepmerge"), 3, 2, 24, batch_norm).eval()
    with torch.no_grad():
        for tensor in made.buffers():
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape) * 0.3)
    return made


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 60)
    return folder


@pytest.fixture(scope="module")
def run(galaxies, tmp_path_factory):
    return train(
        config(galaxies, "noda", epochs=1, evaluation_limit=20), tmp_path_factory.mktemp("runs")
    )


def test_layers_go_from_the_head_down_with_their_norms():
    made = network()
    layers = layers_of(made)
    assert [name for name, _ in layers] == LAYERS
    assert [len(modules) for _, modules in layers] == [1, 1, 1, 2, 2, 2]
    everything = {id(p) for _, modules in layers for module in modules for p in module.parameters()}
    assert everything == {id(p) for p in made.parameters()}


@pytest.mark.parametrize("batch_norm", ["mixed", "separate"])
def test_only_the_named_layers_are_randomised(batch_norm):
    trained = network(batch_norm)
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    state = torch.random.get_rng_state()
    made = randomised(trained, ["head", "convolutions.8"], seed=1).state_dict()
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())
    changed = {name for name, value in made.items() if not torch.equal(value, before[name])}
    norm = {"convolutions.9.running_mean", "convolutions.9.running_var"}
    norm |= (
        {"convolutions.9.target_mean", "convolutions.9.target_var"}
        if batch_norm == "separate"
        else set()
    )
    # A norm's scale and shift were those of a new network already.
    assert changed == norm | {
        "head.weight",
        "head.bias",
        "convolutions.8.weight",
        "convolutions.8.bias",
    }
    other = randomised(trained, ["head"], seed=2).state_dict()
    assert not torch.equal(other["head.weight"], made["head.weight"])
    with pytest.raises(InputError, match="no layer 'neck'"):
        randomised(trained, ["neck"], seed=0)


def grad_cam(made, images, classes):
    return gradcam(made, images, classes, made.saliency_layer)


def the_image(made, images, classes):
    """An edge detector: it looks like an explanation and knows nothing of the network."""
    return images.abs().sum(dim=1).numpy()


def test_maps_that_ignore_the_network_do_not_change_and_others_do():
    images = torch.randn(10, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    classes, groups = np.ones(10, np.int64), np.array([f"G{i}" for i in range(10)], object)
    blind = sanity_check(network(), images, classes, groups, the_image, draws=1)
    assert [step.layer for step in blind] == ["none", *LAYERS]
    assert [step.randomised for step in blind] == [0, 1, 2, 3, 4, 5, 6]
    assert all(
        step.correlation.value == pytest.approx(1) and step.overlap.value == 1 for step in blind[1:]
    )
    assert abs(blind[0].correlation.value) < 0.1
    seeing = sanity_check(network(), images, classes, groups, grad_cam, draws=2)
    assert seeing[-1].correlation.high < 0.5
    alone = sanity_check(network(), images, classes, groups, grad_cam, mode="independent", draws=2)
    assert {step.randomised for step in alone[1:]} == {1}
    # The head comes first: with one layer randomised both modes are the same.
    assert alone[1] == seeing[1]
    assert alone[-1] != seeing[-1]


def test_draws_are_averaged():
    images = torch.randn(6, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    classes, groups = np.ones(6, np.int64), np.array(list("abcdef"), object)
    made = network()
    found = sanity_check(made, images, classes, groups, the_head, draws=3)[1].correlation
    trained = the_head(made, images, classes)
    values = [
        spearmanr(np.abs(trained[i]).ravel(), np.abs(drawn[i]).ravel()).statistic
        for drawn in (
            the_head(randomised(made, ["head"], 1000 * draw), images, classes) for draw in range(3)
        )
        for i in range(6)
    ]
    assert found.value == pytest.approx(np.mean(values))


def the_head(made, images, classes):
    """Map (n, 4, 8) that follow from the head's weights alone, with a little of the image."""
    weight = made.head.weight[1].detach().view(1, 4, 8).numpy()
    return (weight + 0.01 * images[:, 0, :4, :8].numpy()).astype(np.float32)


def test_what_cannot_be_is_refused():
    images, groups = torch.zeros(2, 3, 24, 24), np.array(["a", "b"], object)
    for wrong in ({"mode": "sideways"}, {"draws": 0}):
        with pytest.raises(InputError, match="cascading or independent"):
            sanity_check(network(), images, np.ones(2, np.int64), groups, grad_cam, **wrong)


def test_the_check_of_a_run_is_kept(run):
    table = sanity_rows(run, "target", galaxies=4, draws=1)
    assert list(table["layer"].unique()) == ["none", *LAYERS]
    assert not table["oracle"].any()
    (file,) = run.derived("").glob("sanity-*.json")
    text = file.read_text()
    kept = json.loads(text)
    kept["rows"][0]["value"] = 0.125
    file.write_text(json.dumps(kept))
    assert sanity_rows(run, "target", galaxies=4, draws=1)["value"][0] == 0.125
    kept["key"]["updated"] = "before"
    file.write_text(json.dumps(kept))
    assert sanity_rows(run, "target", galaxies=4, draws=1)["value"][0] == pytest.approx(
        table["value"][0], nan_ok=True
    )


def test_every_explainer_gives_maps_of_a_run(run):
    ids = list(run.saliency().sample_ids[:3])
    domain = str(run.samples.loc[ids[0], "domain"])
    stored = np.stack([run.saliency().map(one) for one in ids])
    np.testing.assert_allclose(saliency_maps(run, domain, ids), stored, atol=1e-6)
    for name in ("integrated-gradients", "occlusion"):
        assert saliency_maps(run, domain, ids, name).shape == (3, 24, 24)
    with pytest.raises(InputError, match="--explainer"):
        saliency_maps(run, domain, ids, "tea leaves")


def test_outcomes_of_a_run_are_counted_and_the_targets_marked(tmp_path):
    run = make_run(tmp_path, n=80, epochs=1)
    table = outcome_rows([run])
    assert table.groupby("domain")["oracle"].all().to_dict() == {"source": False, "target": True}
    evaluation = run.evaluation()
    for domain in ("source", "target"):
        mask = evaluation.mask(domain, "test")
        counts = table[table["domain"] == domain].set_index("outcome")["n"]
        assert counts["TP"] == ((evaluation.labels == 1) & (evaluation.predicted == 1) & mask).sum()
        assert counts.sum() == mask.sum() == table.loc[table["domain"] == domain, "total"].iloc[0]
    assert maps_by_outcome(run, "target")["TN"].mean.shape == (9, 9)


def test_overlap_across_methods_stands_beside_that_across_seeds(tmp_path):
    runs = [
        make_run(tmp_path, method, seed, n=80, epochs=1)
        for method in ("noda", "mmd")
        for seed in (0, 1)
    ]
    table = iou_rows(runs).set_index(["across", "between", "domain"])
    assert table.loc[("methods", "MMD – noDA", "source"), "pairs"] == 2
    assert table.loc[("seeds", "noDA", "target"), "pairs"] == 1
    assert table.loc[("seeds", "all", "target"), "pairs"] == 2
    # These runs' maps depend on the seed alone.
    assert table.loc[("methods", "MMD – noDA", "source"), "value"] == 1
    seeds = table.loc[("seeds", "all", "source")]
    assert abs(seeds["value"] - seeds["others"]) < 0.1
    assert not table["oracle"].any()
    assert iou_rows(runs[:1]).empty


def test_runs_that_travel_with_the_maps_of_one_domain_are_compared_on_that_one(tmp_path):
    runs = [make_run(tmp_path, "noda", seed, n=80, epochs=1) for seed in (0, 1)]
    whole = iou_rows(runs)
    for run in runs:
        [file] = (run.path / "saliency").rglob("gradcam.parquet")
        stored = pq.read_table(file)
        pq.write_table(
            stored.filter(pc.starts_with(stored["sample_id"].cast("string"), "source")), file
        )
    table = iou_rows([Run(run.path) for run in runs])
    assert set(table["domain"]) == {"source"}
    pd.testing.assert_frame_equal(table, whole[whole["domain"] == "source"].reset_index(drop=True))


def test_the_command_explains_runs(tmp_path, monkeypatch, capsys):
    for seed in (0, 1):
        make_run(tmp_path, seed=seed, n=80, epochs=1)
    code, out, _ = call(monkeypatch, capsys, "explain", tmp_path, "--no-sanity")
    assert code == 0
    assert "oracle" in out
    assert "across seeds" in out
    code, out, _ = call(monkeypatch, capsys, "explain", tmp_path, "--no-sanity", "--format", "json")
    assert code == 0
    tables = json.loads(out)
    assert {row["outcome"] for row in tables["outcomes"]} == {"TP", "FP", "TN", "FN"}
    assert {row["across"] for row in tables["overlap"]} == {"seeds"}
    code, _, err = call(monkeypatch, capsys, "explain", tmp_path, "--randomise", "sideways")
    assert code == 2
    assert err.count("\n") == 1


def test_views_hold_what_was_measured(tmp_path):
    run = make_run(tmp_path, n=80, epochs=1)
    maps = {
        outcome_title(run.label, domain): maps_by_outcome(run, domain)
        for domain in ("source", "target")
    }
    grid = outcome_grid(maps)
    assert len(grid) == 8
    assert "oracle" in list(maps)[1]
    limits = {hv.Store.lookup_options("bokeh", one, "plot").kwargs.get("clim") for one in grid}
    limits |= {hv.Store.lookup_options("bokeh", one, "style").kwargs.get("clim") for one in grid}
    assert (0.0, map_limit(maps)) in limits
    first = next(iter(grid))
    np.testing.assert_array_equal(
        first.dimension_values("evidence", flat=False)[::-1],
        maps[f"{run.label}, source"]["TP"].mean,
    )
    hv.renderer("bokeh").get_plot(grid)


def test_sanity_curves_show_each_layer():
    rows = [("none", 0, 0.1), ("head", 1, 0.8), ("hidden.4", 2, 0.3)]
    table = pd.DataFrame(
        [
            {
                "run": "MMD · seed 0",
                "domain": "target",
                "mode": "cascading",
                "layer": layer,
                "randomised": count,
                "name": "correlation",
            }
            | {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 20}
            for layer, count, value in rows
        ]
    )
    plot = sanity_curves(table)
    curve = next(one for one in plot if type(one) is hv.Curve)
    np.testing.assert_array_equal(curve.dimension_values("value"), [0.8, 0.3])
    assert list(curve.dimension_values("layer")) == ["head", "hidden.4"]
    hv.renderer("bokeh").get_plot(plot)
