"""Dials: what they do to images, and that a run's own outputs stand at the original position."""

import dataclasses
import shutil

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from command import call
from factories import make_galaxies
from scipy.ndimage import gaussian_filter
from small_training import config

from daexplore.analysis.metrics.classification import classification_metrics
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.simulate import PRESETS, reobserve, simulate, sky_noise
from daexplore.engine.evaluation_sample import sample_test_ids
from daexplore.engine.perturbations import (
    DIALS,
    broadened,
    can_be_reobserved,
    dial_steps,
    exposure_of,
    rotated,
    sky_sigma,
)
from daexplore.engine.robustness.attack_tables import attack_runs, galaxy_distances
from daexplore.engine.robustness.performance import evaluate_perturbed
from daexplore.engine.training.train import train
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.plots.robustness import boundary_scatter, dial_curves


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 60)
    return folder


@pytest.fixture(scope="module")
def sets(galaxies):
    return {domain: GalaxySet.load(galaxies / domain) for domain in ("source", "target")}


@pytest.fixture(scope="module")
def run(galaxies, tmp_path_factory):
    return train(
        config(galaxies, "noda", epochs=1, evaluation_limit=60), tmp_path_factory.mktemp("runs")
    )


def noise_of(sets):
    return {domain: sky_sigma(one.images) for domain, one in sets.items()}


def test_quarter_turns_are_those_of_numpy():
    images = np.random.default_rng(0).random((2, 3, 9, 9)).astype(np.float32)
    for turns in range(-1, 5):
        np.testing.assert_array_equal(
            rotated(images, 90.0 * turns), np.rot90(images, turns, axes=(2, 3))
        )
    assert not np.array_equal(rotated(images, 90.0), rotated(images, -90.0))


def test_other_angles_turn_the_same_way():
    y, x = np.mgrid[-20:21, -20:21]
    blob = np.exp(-((x - 8) ** 2 + (y + 3) ** 2) / 18)[None, None].astype(np.float32)
    found = rotated(blob, 30.0)[0, 0]
    angle = np.deg2rad(30)
    # Counterclockwise on the screen, where rows go down.
    column, row = 8 * np.cos(angle) - 3 * np.sin(angle), -3 * np.cos(angle) - 8 * np.sin(angle)
    # Beyond the circle comes what was beyond the edge.
    inside = np.hypot(x, y) < 20
    np.testing.assert_allclose(
        found[inside], np.exp(-((x - column) ** 2 + (y - row) ** 2) / 18)[inside], atol=0.01
    )
    np.testing.assert_allclose(rotated(blob, 89.999), np.rot90(blob, axes=(2, 3)), atol=1e-3)


def test_sky_noise_is_measured_beside_a_bright_galaxy():
    images = np.random.default_rng(1).normal(5, [[[[2.0]], [[0.5]]]], (40, 2, 50, 50))
    images[:, :, 15:35, 15:35] += 1000
    np.testing.assert_allclose(sky_sigma(images), [2.0, 0.5], rtol=0.05)


def test_added_noise_has_the_width_asked_for_whatever_the_batch(sets):
    steps = {
        step.level: step for step in dial_steps("noise", "source", sets, noise_of(sets), (1.0, 2.0))
    }
    source = sets["source"]
    added = steps[2.0].images(source.sample_ids, source.images) - source.images
    np.testing.assert_allclose(added.std(axis=(0, 2, 3)), 2 * noise_of(sets)["target"], rtol=0.03)
    alone = steps[2.0].images(source.sample_ids[7:8], source.images[7:8]) - source.images[7:8]
    np.testing.assert_array_equal(alone[0], added[7])
    weaker = steps[1.0].images(source.sample_ids, source.images) - source.images
    np.testing.assert_allclose(2 * weaker, added, atol=1e-5)


def test_depth_brings_the_noise_to_the_level(sets):
    for domain in ("source", "target"):
        for step in dial_steps("depth", domain, sets, noise_of(sets), (0.5, 2.0, 3.0)):
            found = sky_sigma(step.images(sets[domain].sample_ids, sets[domain].images))
            np.testing.assert_allclose(
                found, step.level * noise_of(sets)["target"], rtol=0.06, atol=0.002
            )
    levels = [
        step.level for step in dial_steps("depth", "target", sets, noise_of(sets), (0.5, 2.0, 3.0))
    ]
    # A real image cannot be made deeper.
    assert levels == [1.0, 2.0, 3.0]


def test_blurring_is_a_gaussians_and_keeps_the_noise(sets):
    step = dial_steps("psf", "source", sets, {"source": np.zeros(3), "target": np.ones(3)}, (4.0,))[
        1
    ]
    source = sets["source"]
    found = step.images(source.sample_ids[:5], source.images[:5])
    sigma = 4 / (2 * np.sqrt(2 * np.log(2)))
    expected = gaussian_filter(source.images[:5], (0, 0, sigma, sigma), mode="reflect", truncate=8)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    noise = np.random.default_rng(2).normal(0, 1, (60, 3, 24, 24)).astype(np.float32)
    step = dial_steps("psf", "target", sets, {"source": np.ones(3), "target": np.ones(3)}, (4.0,))[
        1
    ]
    inside = step.images(sets["target"].sample_ids, noise)[:, :, 8:-8, 8:-8]
    assert inside.std() == pytest.approx(1.0, rel=0.02)


def test_a_broadened_psf_is_wider_by_the_quadrature():
    target = broadened(PRESETS["nearby"].target, 1.0)
    for before, after in zip(PRESETS["nearby"].target.bands, target.bands, strict=True):
        assert after.optics.fwhm**2 == pytest.approx(before.optics.fwhm**2 + 1)
    distant = broadened(PRESETS["distant"].target, 0.2)
    for before, after in zip(PRESETS["distant"].target.bands, distant.bands, strict=True):
        assert after.optics.blur**2 == pytest.approx(before.optics.blur**2 + 0.04 / (8 * np.log(2)))


@pytest.mark.slow
def test_simulated_galaxies_are_observed_anew():
    source, target = simulate("demo", 16, workers=1)
    sets = {"source": source, "target": target}
    assert all(can_be_reobserved(one) for one in sets.values())
    moved = dataclasses.replace(target, images=target.images + 1)
    assert not can_be_reobserved(moved)
    steps = dial_steps("depth", "target", sets, noise_of(sets), (0.0, 2.0), simulated=True)
    assert [(step.level, step.how) for step in steps] == [
        (1.0, "original"),
        (1.0, "another exposure"),
        (0.0, "observed again"),
        (2.0, "observed again"),
    ]
    ids = target.sample_ids[:4]
    images = {(step.level, step.how): step.images(ids, target.images[:4]) for step in steps}
    preset = PRESETS["demo"]
    np.testing.assert_array_equal(images[1.0, "original"], reobserve("demo", ids, preset.target))
    exposure = exposure_of(preset.target, preset.target, 2.0)
    shallow = preset.target.with_exposure(exposure)
    # Read-outs make noise too: a quarter of the exposure would be too short.
    assert 2500 / 4 < exposure < 2500 / 2
    assert np.median(sky_noise(shallow) / sky_noise(preset.target)) == pytest.approx(2.0)
    np.testing.assert_array_equal(images[2.0, "observed again"], reobserve("demo", ids, shallow))
    # The presets' two surveys differ in depth alone.
    np.testing.assert_allclose(
        images[0.0, "observed again"], source.images[:4], rtol=1e-4, atol=1e-4
    )
    assert (
        dial_steps("depth", "source", sets, noise_of(sets), (1.0,), simulated=True)[0].level == 0.0
    )


def test_the_original_position_is_what_the_run_said(run):
    table = evaluate_perturbed([run], "rotation", galaxies=1000, levels=[90.0, 180.0])
    evaluation = run.evaluation()
    for domain in ("source", "target"):
        mask = evaluation.mask(domain, "test")
        here = table[(table["domain"] == domain) & table["original"]].set_index("name")
        expected = classification_metrics(evaluation.labels[mask], evaluation.probabilities[mask])
        assert here.loc["accuracy", "value"] == pytest.approx(expected["accuracy"], abs=1e-12)
        assert here.loc["auc", "value"] == pytest.approx(expected["auc"], abs=1e-12)
        assert here.loc["accuracy", "n"] == mask.sum()
        assert here.loc["predicted share", "value"] == pytest.approx(
            (evaluation.predicted[mask] == 1).mean()
        )
        assert set(here.index) == {"accuracy", "auc", "predicted share"}
    labelled = table["name"].isin(["accuracy", "auc", "change"])
    np.testing.assert_array_equal(table["oracle"], labelled & (table["domain"] == "target"))
    change = table[table["name"] == "change"].set_index(["domain", "level"])["value"]
    accuracy = table[table["name"] == "accuracy"].set_index(["domain", "level"])["value"]
    for domain in ("source", "target"):
        assert change[domain, 90] == pytest.approx(accuracy[domain, 90] - accuracy[domain, 0])


def test_target_labels_change_nothing_that_is_not_marked(run, tmp_path):
    copy = tmp_path / run.path.name
    shutil.copytree(run.path, copy)
    shutil.rmtree(copy / "derived", ignore_errors=True)
    samples = pd.read_parquet(copy / "samples.parquet")
    mine = samples["domain"] == "target"
    samples.loc[mine, "label"] = 1 - samples.loc[mine, "label"]
    samples.to_parquet(copy / "samples.parquet")
    tables = [
        evaluate_perturbed([one], "noise", galaxies=20, levels=[1.0, 3.0])
        for one in (run, Run(copy))
    ]
    unmarked = [table[~table["oracle"]].reset_index(drop=True) for table in tables]
    pd.testing.assert_frame_equal(*unmarked)
    marked = [
        table[table["oracle"] & (table["name"] == "accuracy")]["value"].to_numpy()
        for table in tables
    ]
    np.testing.assert_allclose(marked[0] + marked[1], 1)


def test_galaxies_are_whole_and_the_same_in_both_domains(run):
    chosen = {domain: sample_test_ids(run, domain, 6) for domain in ("source", "target")}
    groups = {domain: set(run.samples.loc[list(ids), "group_id"]) for domain, ids in chosen.items()}
    assert groups["source"] == groups["target"]
    assert len(groups["source"]) == 6
    assert (run.samples.loc[list(chosen["source"]), "split"] == "test").all()
    assert set(sample_test_ids(run, "source", 6, seed=1)) != set(chosen["source"])


def test_attacks_of_a_run(run, tmp_path):
    pgd = attack_runs([run], "pgd", galaxies=8)
    flipped = pgd[pgd["name"] == "flipped"]
    assert (flipped.loc[flipped["level"] == 0, "value"] == 0).all()
    assert not flipped["oracle"].any()
    boundary = attack_runs([run], "boundary", galaxies=8)
    distances = galaxy_distances(run, "source", 8)
    here = boundary[boundary["domain"] == "source"].set_index("name")["value"]
    assert here["input distance"] == pytest.approx(distances["input"].median())
    weight, _ = run.head()
    rows = run.evaluation().mask("source", "test") & np.isin(
        run.evaluation().sample_ids, distances["sample_id"]
    )
    logits = run.evaluation().logits[rows].astype(float)
    expected = np.abs(logits[:, 1] - logits[:, 0]) / np.linalg.norm(
        weight[1].astype(float) - weight[0]
    )
    np.testing.assert_allclose(
        np.sort(distances["latent"]), np.sort(expected), rtol=1e-3, atol=1e-6
    )
    assert len(list(run.derived("").glob("attack-*.json"))) == 2
    assert isinstance(boundary_scatter(distances), hv.Overlay)


def test_the_command_gives_tables(run, monkeypatch, capsys):
    options = ("--dial", "noise", "--galaxies", 10, "--levels", "1,2")
    code, out, _ = call(monkeypatch, capsys, "robustness", run.path, *options)
    assert code == 0
    assert "oracle" in out
    assert "consistency" in out
    code, out, _ = call(monkeypatch, capsys, "robustness", run.path, *options, "--format", "csv")
    assert code == 0
    assert out.startswith("run,id,method,seed,epoch,dial,level")
    for wrong in (
        ("--dial", "volume"),
        ("--attack", "shouting"),
        ("--dial", "psf", "--attack", "pgd"),
        ("--levels", "a"),
    ):
        code, _, err = call(monkeypatch, capsys, "robustness", run.path, *wrong)
        assert code == 2
        assert err.count("\n") == 1


def test_what_cannot_be_is_refused(run, sets):
    with pytest.raises(InputError, match="not negative"):
        evaluate_perturbed([run], "psf", levels=[-1.0])
    with pytest.raises(InputError, match="borders"):
        dial_steps("noise", "source", sets, {"source": np.zeros(3), "target": np.zeros(3)})
    assert set(DIALS) == {"psf", "depth", "noise", "rotation"}


def test_curves_hold_what_was_measured(run):
    table = evaluate_perturbed([run], "rotation", galaxies=1000, levels=[90.0, 180.0])
    plot = dial_curves(table, "consistency")
    hv.renderer("bokeh").get_plot(plot)
    curve = next(one for one in plot if type(one) is hv.Curve)
    expected = table[(table["name"] == "consistency") & (table["domain"] == "source")]
    np.testing.assert_array_equal(curve.dimension_values("value"), expected["value"])
