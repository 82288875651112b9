"""Inspecting two domains: far apart, the same, leaks, and what is said of them."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import make_galaxies

from daexplore.analysis.images.measure import measure
from daexplore.analysis.images.pixel_probe import pixel_features, pixel_probe, probe_verdict
from daexplore.cli import main
from daexplore.data import match_classes, read_galaxies
from daexplore.engine.inspection.inspect_domains import inspect_domains

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "galaxy_zoo_examples"


@pytest.fixture(scope="module")
def domains(tmp_path_factory):
    return make_galaxies(tmp_path_factory.mktemp("galaxies"), 160)


@pytest.fixture(scope="module")
def inspection(domains):
    return inspect_domains(*domains)


def real(name):
    # Real images are not in the repository: others made them. Where they lie beside it they are
    # tested, elsewhere made ones must do.
    if not (REAL / name).is_dir():
        pytest.skip(f"../shared/data/galaxy_zoo_examples/{name} is not there")
    return read_galaxies(REAL / name, label="morphology")


def halves(galaxies, seed=0):
    dealt = np.random.default_rng(seed).permutation(len(galaxies))
    first, second = dealt[: len(dealt) // 2], dealt[len(dealt) // 2 :]
    return galaxies.take(first), dataclasses.replace(galaxies.take(second), name="other half")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.85, 0.9, "far apart"),
        (0.7, 0.9, "apart"),
        (0.45, 0.55, "the same"),
        (0.4, 0.7, "too few to decide"),
        (0.4, 0.48, "the same"),
        (np.nan, np.nan, "too few to decide"),
    ],
)
def test_verdicts(low, high, verdict):
    assert probe_verdict(low, high) == verdict


def test_the_probe_finds_a_shift_and_is_silent_about_few_galaxies():
    rng = np.random.default_rng(0)
    target = np.arange(300) >= 150
    features = rng.normal(size=(300, 6)) + 1.5 * target[:, None]
    found = pixel_probe(features, target, np.arange(300))
    assert found.verdict == "far apart"
    assert found.low < found.auc <= found.high
    few = pixel_probe(
        features, target, np.where(target, np.arange(300) % 5, np.arange(300)).astype(str)
    )
    assert few.verdict == "too few to decide"
    assert np.isnan(few.auc)


def test_a_perfect_probe_of_few_galaxies_is_not_beyond_doubt():
    target = np.arange(30) >= 15
    found = pixel_probe(
        np.where(target, 5.0, -5.0)[:, None] + np.random.default_rng(0).normal(size=(30, 1)),
        target,
        np.arange(30),
    )
    assert found.auc == 1
    assert found.low == pytest.approx(0.8)


def test_views_of_a_galaxy_do_not_tell_the_probe_its_domain():
    rng = np.random.default_rng(2)
    galaxies = rng.normal(size=(60, 8))
    groups = np.repeat(np.arange(60), 10)
    features = galaxies[groups] + 0.01 * rng.normal(size=(600, 8))
    found = pixel_probe(features, groups % 2 == 1, groups)
    assert found.low < 0.5


@pytest.mark.slow
def test_halves_of_one_population_are_seldom_called_apart():
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:32, :32] - 15.5
    width = rng.uniform(2, 5, (200, 1, 1, 1))
    images = rng.lognormal(1, 0.5, (200, 1, 1, 1)) * np.exp(
        -(x**2 + y**2) / (2 * width**2)
    ) + rng.normal(0, 0.1, (200, 1, 32, 32))
    measured = measure(images.astype(np.float32), np.arange(200), ("r",), 16, 8)
    features = pixel_features(measured.thumbnails, measured.quantities)
    verdicts, covered = [], []
    for seed in range(25):
        target = np.random.default_rng(seed).permutation(200) < 100
        found = pixel_probe(features, target, np.arange(200), seed)
        verdicts.append(found.verdict)
        covered.append(found.low <= 0.5 <= found.high)
    assert sum(verdict in ("apart", "far apart") for verdict in verdicts) <= 3
    assert sum(covered) >= 21


def test_domains_that_differ_in_noise_are_far_apart_and_that_is_said_first(inspection):
    assert inspection.verdict == "far apart"
    assert inspection.probe["low"].iloc[0] > 0.8
    assert "far apart" in inspection.sentences[0]
    assert "160 of 160 source images" in inspection.sentences[0]
    assert inspection.distances["quantity"].iloc[0] in (
        "noise",
        "total_snr",
        "peak_snr",
        "fine_structure",
    )
    noise = inspection.distances[inspection.distances["quantity"] == "noise"]
    np.testing.assert_allclose(noise["target"], 0.1, rtol=0.1)
    assert (noise["ks"] == 1).all()
    assert "160 galaxies are in both domains" in " ".join(inspection.sentences)


def test_the_tables_are_consistent(inspection):
    histograms = inspection.histograms.groupby(["domain", "band"])["share"].sum()
    np.testing.assert_allclose(histograms, 1)
    np.testing.assert_allclose(
        inspection.distributions.groupby(["domain", "quantity", "band"])["share"].sum(), 1
    )
    np.testing.assert_allclose(inspection.classes.groupby("domain")["share"].sum(), 1)
    assert inspection.classes.set_index("domain")["oracle"].groupby(level=0).all().to_dict() == {
        "source": False,
        "target": True,
    }
    assert inspection.numbers["prior_shift"]["value"] == 0
    assert inspection.numbers["prior_shift"]["oracle"]
    measured = inspection.measurements
    medians = inspection.summaries.set_index(["domain", "quantity", "band"])["median"]
    expected = measured.loc[measured["domain"] == "target", "flux/F814W"].median()
    assert medians["target", "flux", "F814W"] == pytest.approx(expected)
    sizes = inspection.summaries[inspection.summaries["quantity"] == "half_light_radius"]
    assert set(sizes["unit"]) == {"arcsec"}
    spectrum = inspection.spectrum
    np.testing.assert_allclose(spectrum["frequency_arcsec"], spectrum["frequency"] / 0.06)
    assert not inspection.leakage.set_index("check")["problem"].drop("copies across splits").any()


def test_everything_survives_json(inspection):
    read = json.loads(json.dumps(inspection.to_dict(), allow_nan=False))
    assert read["verdict"] == "far apart"
    assert set(read["tables"]) == set(inspection.tables()) - {"measurements"}
    assert len(read["tables"]["distances"]["data"]) == len(inspection.distances)
    assert read["walls"][0]["png"].startswith("data:image/png;base64,")


def test_target_labels_change_nothing_but_what_is_marked_oracle(domains, inspection):
    source, target = domains
    shuffled = target.catalogue.assign(
        label=np.random.default_rng(0).permutation(target.catalogue["label"])
    )
    other = inspect_domains(source, dataclasses.replace(target, catalogue=shuffled))
    for name in (
        "probe",
        "distances",
        "summaries",
        "histograms",
        "spectrum",
        "values",
        "duplicates",
        "leakage",
    ):
        pd.testing.assert_frame_equal(inspection.tables()[name], other.tables()[name])


@pytest.mark.parametrize("turned", [90, 37])
def test_a_planted_leak_is_found(domains, turned):
    from scipy.ndimage import rotate

    source, target = domains
    splits = {
        "source": np.where(np.arange(160) < 100, "train", "test"),
        "target": np.where(np.arange(160) < 100, "train", "test"),
    }
    images = source.images.copy()
    images[150] = 1.5 * rotate(images[3, :, :, ::-1], turned, axes=(1, 2), reshape=False, order=3)
    found = inspect_domains(dataclasses.replace(source, images=images), target, splits=splits)
    pairs = found.duplicates[found.duplicates["leak"]]
    assert {(row.sample_id_a, row.sample_id_b) for row in pairs.itertuples()} >= {
        ("source/G00003-0", "source/G00150-0")
    }
    assert found.numbers["leaks"] >= 1
    assert found.leakage.set_index("check").loc["copies across splits", "problem"]
    assert any("look like one galaxy" in warning for warning in found.warnings)
    assert found.pairs[0]["png_a"].startswith("data:image/png")


def test_a_galaxy_whose_images_a_run_has_split_is_reported(domains):
    source, target = domains
    splits = {
        "source": np.where(np.arange(160) < 100, "train", "test"),
        "target": np.where(np.arange(160) < 60, "train", "test"),
    }
    checks = inspect_domains(source, target, splits=splits).leakage.set_index("check")
    assert checks.loc["galaxies in several splits", "count"] == 40
    assert checks.loc["galaxies in several splits", "problem"]


def test_bands_in_another_order_are_matched_by_name(domains, inspection):
    source, target = domains
    turned = dataclasses.replace(target, images=target.images[:, ::-1], bands=target.bands[::-1])
    found = inspect_domains(source, turned)
    pd.testing.assert_frame_equal(found.distances, inspection.distances)


def test_missing_pixels_other_sizes_and_no_labels_are_told_and_not_refused(domains):
    source, target = domains
    images = target.images[:, :, 2:-2, 2:-2].copy()
    images[5, 1, 3] = np.nan
    unlabelled = target.catalogue.assign(label=pd.array([None] * 160, dtype="Int64"))
    found = inspect_domains(
        source,
        dataclasses.replace(target, images=images, catalogue=unlabelled, pixel_scale=0.1),
        sample=100,
    )
    said = " ".join((*found.warnings, *found.advice))
    assert "different sizes" in said
    assert "pixel scales differ" in said
    assert found.numbers["prior_shift"] is None
    assert found.domains["used"].tolist() == [100, 100]
    assert found.values["missing_images"].max() <= 1


def test_unknown_groups_are_a_warning(domains):
    source, target = domains
    note = {"note": "nobody knows which images show the same galaxy"}
    found = inspect_domains(dataclasses.replace(source, provenance=note), target)
    assert any(
        "does not say which images show the same galaxy" in warning for warning in found.warnings
    )


@pytest.mark.slow
def test_mock_galaxies_and_a_real_survey_are_far_apart():
    found = inspect_domains(*match_classes(real("illustris_mock_sdss"), real("decals")))
    assert found.verdict == "far apart"
    assert (found.probe["low"] > 0.8).all()
    assert found.numbers["prior_shift"]["value"] < 0.2


def test_halves_of_a_real_survey_are_not_called_apart():
    found = inspect_domains(*halves(real("decals"), seed=1))
    assert found.verdict in ("the same", "too few to decide")
    assert (found.probe["low"] <= 0.5).all()
    assert "No measured quantity differs" in " ".join(found.sentences)


@pytest.mark.slow
def test_halves_of_a_larger_survey_are_the_same(tmp_path):
    _, survey = make_galaxies(tmp_path, 1200)
    found = inspect_domains(*halves(survey))
    assert found.verdict == "the same"
    assert found.probe["high"].iloc[0] < 0.6


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["daexplore", *map(str, arguments)])
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    return code, *capsys.readouterr()


@pytest.mark.slow
def test_the_command_says_it_in_words_and_writes_both_files(monkeypatch, capsys, tmp_path):
    make_galaxies(tmp_path, 40)
    files = ["--json", tmp_path / "found.json", "--html", tmp_path / "found.html"]
    code, out, _ = call(
        monkeypatch,
        capsys,
        "inspect",
        tmp_path / "source",
        tmp_path / "target",
        "--sample",
        30,
        *files,
    )
    assert code == 0
    assert "AUC" in out
    assert "30 of 40 source images" in out
    assert "oracle" in out
    assert json.loads((tmp_path / "found.json").read_text())["format"] == 1
    assert "<html" in (tmp_path / "found.html").read_text()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["only-one"], "source and a target"),
        (["a", "b", "--run", "c"], "source and a target"),
        (["nowhere", "nowhere"], "nothing at nowhere"),
        (["nowhere", "nowhere", "--sample", "0"], "--sample"),
    ],
)
def test_bad_arguments_exit_with_2(monkeypatch, capsys, arguments, said):
    code, _, err = call(monkeypatch, capsys, "inspect", *arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_an_unwritable_file_exits_with_2(monkeypatch, capsys, tmp_path):
    make_galaxies(tmp_path, 40)
    code, _, err = call(
        monkeypatch,
        capsys,
        "inspect",
        tmp_path / "source",
        tmp_path / "target",
        "--json",
        tmp_path / "no" / "found.json",
    )
    assert code == 2
    assert "Cannot write" in err
