"""Class shares of a survey without its labels: estimates, corrected probabilities, and words."""

import numpy as np
import pytest
from astropy.table import Table
from comparing import known_run
from sklearn.metrics import accuracy_score

from daexplore.analysis.calibration.reliability import ece
from daexplore.engine.prediction.class_shares import (
    correct_for_shares,
    estimate_shares,
    share_notes,
)
from daexplore.engine.prediction.ensemble import EnsembleMember
from daexplore.runs import softmax


def member(run, oracle=False):
    """A member of an ensemble of which only the run's folder is looked at."""
    found = object.__new__(EnsembleMember)
    object.__setattr__(found, "run", run)
    object.__setattr__(found, "epoch", 1)
    return found


def survey(run, mergers, n=1500, seed=0):
    """Logits and labels of a survey whose classes look like the source's, in other shares."""
    rng = np.random.default_rng(seed)
    evaluation = run.evaluation()
    known = np.flatnonzero(evaluation.mask("source") & (evaluation.labels >= 0))
    labels = (rng.random(n) < mergers).astype(int)
    rows = np.array([rng.choice(known[evaluation.labels[known] == label]) for label in labels])
    return evaluation.logits[rows], labels


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return known_run(tmp_path_factory.mktemp("runs"), "mmd", n=2400)


@pytest.mark.parametrize("mergers", [0.05, 0.1, 0.25, 0.75])
def test_correction_halves_the_calibration_error_of_a_survey_of_other_shares(run, mergers):
    logits, labels = survey(run, mergers)
    plain = softmax(logits)
    found = estimate_shares([member(run)], plain)
    assert found.agree
    for estimate in (found.bbse, found.em):
        assert estimate.low[1] - 0.02 <= mergers <= estimate.high[1] + 0.02
    corrected = correct_for_shares(plain, found)
    np.testing.assert_allclose(corrected.sum(axis=1), 1)
    groups = np.arange(len(labels))
    errors = [ece(labels, each, groups)["plugin"] for each in (plain, corrected)]
    assert errors[1] < errors[0] / 2
    right = [accuracy_score(labels, each.argmax(axis=1)) for each in (plain, corrected)]
    assert right[1] > right[0] - 0.005
    if mergers <= 0.1:
        assert right[1] > right[0]


def test_a_temperature_before_changes_nothing(run):
    plain = softmax(survey(run, 0.1)[0])
    found = estimate_shares([member(run)], plain)
    scaled = softmax(np.log(plain) / 1.7)
    np.testing.assert_allclose(
        correct_for_shares(scaled, found, 1.7), correct_for_shares(plain, found), atol=1e-9
    )


def test_equal_shares_are_left_alone_and_other_shares_are_named(run):
    equal = estimate_shares([member(run)], softmax(survey(run, 0.5)[0]))
    assert not share_notes(equal, corrected=False)[0].startswith("Warning")
    few = estimate_shares([member(run)], softmax(survey(run, 0.1)[0]))
    told = share_notes(few, corrected=False)[0]
    assert told.startswith("Warning: class shares: merger")
    assert "--correct-shares" in told
    assert "1500 images of the survey" in told
    assert "--correct-shares" not in share_notes(few, corrected=True)[0]


def test_a_survey_that_differs_in_more_than_shares_is_not_to_be_relied_on(run):
    # More is called merger than any mixture of the classes would give.
    odd = np.tile(np.array([[0.01, 0.99]]), (1500, 1))
    told = share_notes(estimate_shares([member(run)], odd), corrected=True)[0]
    assert "Do not rely on them" in told


def test_runs_that_target_labels_taught_estimate_nothing(tmp_path):
    oracle = known_run(tmp_path, "oracle")
    assert estimate_shares([member(oracle)], softmax(oracle.evaluation().logits)) is None


def test_the_catalogue_has_both(tmp_path, trained):
    from daexplore.engine.prediction.predict import predict

    folder, run = trained
    done = predict([run], str(folder / "target"), tmp_path / "c.fits", correct_shares=True)
    table = Table.read(done.path)
    p = np.stack([table[f"p_{name}_corrected"] for name in ("non_merger", "merger")])
    np.testing.assert_allclose(p.sum(axis=0), 1)
    assert 0 <= table.meta["SHARE2"] <= 1
    assert any("class shares" in note for note in done.notes)
    plain = Table.read(predict([run], str(folder / "target"), tmp_path / "d.fits").path)
    assert not [name for name in plain.colnames if name.endswith("_corrected")]
    np.testing.assert_array_equal(plain["p_merger"], table["p_merger"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from factories import make_galaxies

    from daexplore.config import DataConfig, RunConfig, TrainConfig
    from daexplore.engine.training.train import train

    folder = tmp_path_factory.mktemp("shares")
    make_galaxies(folder, 120)
    data = DataConfig(
        str(folder / "source"), str(folder / "target"), fractions=(0.4, 0.3, 0.3), size=20
    )
    settings = TrainConfig(epochs=12, batch_size=16, saliency_limit=2, learning_rate=3e-3)
    return folder, train(RunConfig(data, train=settings), folder / "runs").path
