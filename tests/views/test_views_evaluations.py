"""Tables and figures made from evaluations, against the runs they come from."""

import holoviews as hv
import numpy as np
import pytest
from factories import make_run
from sklearn.metrics import roc_auc_score

from daexplore.views.plots.margin_plane import margin_planes, plane_of
from daexplore.views.plots.roc import roc_tables


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return {name: make_run(root, name, n=240, epochs=2) for name in ("noda", "mmd")}


def test_roc_tables_have_every_run_in_both_domains(runs):
    curves, bands = roc_tables({name: run.evaluation() for name, run in runs.items()})
    assert set(zip(curves["run"], curves["domain"], strict=True)) == {
        (name, domain) for name in runs for domain in ("source", "target")
    }
    found = runs["mmd"].evaluation()
    target = found.mask("target", "test")
    line = curves[(curves["run"] == "mmd") & (curves["domain"] == "target")].iloc[0]
    assert line["auc"] == pytest.approx(
        roc_auc_score(found.labels[target], found.probabilities[target, 1])
    )
    assert line["n"] == target.sum()
    assert (bands["low"] <= bands["high"]).all()


def test_roc_of_a_pair_leaves_other_classes_out(tmp_path):
    found = make_run(tmp_path, n=300, epochs=1, classes=("a", "b", "c")).evaluation()
    curves, _ = roc_tables({"run": found}, "test", (2, 0))
    at = found.mask("source", "test") & np.isin(found.labels, (0, 2))
    expected = roc_auc_score(found.labels[at] == 0, found.logits[at, 0] - found.logits[at, 2])
    assert curves[curves["domain"] == "source"]["auc"].iloc[0] == pytest.approx(expected)


def test_unlabelled_evaluations_give_no_curves(runs):
    curves, bands = roc_tables({})
    assert curves.empty
    assert bands is None


def test_margin_planes_show_every_test_galaxy_once_and_the_boundary_where_it_is(runs):
    places = {name: plane_of(run) for name, run in runs.items()}
    drawn = margin_planes(places, ("non-merger", "merger"), threshold=0.7)
    for (found, plane), frame in zip(places.values(), drawn.layout, strict=True):
        points = np.vstack(
            [element.array() for element in frame.traverse(lambda e: e, [hv.Points])]
        )
        expected = np.c_[plane.x, plane.y][found.mask(split="test")]
        np.testing.assert_allclose(points[np.lexsort(points.T)], expected[np.lexsort(expected.T)])
        (line,) = frame.traverse(lambda e: e, [hv.VLine])
        called = found.probabilities[:, 1] > 0.7
        np.testing.assert_array_equal(plane.x > line.data, called)
    assert "non-merger" in drawn.key
    assert (
        f"of {sum(len(p[0].labels[p[0].mask(split='test')]) for p in places.values())} points"
        in drawn.note
    )
