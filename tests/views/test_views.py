"""Views: what a plot or table holds equals the table it was made from."""

import base64
import io

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_curve

from daexplore.config import AlignmentConfig, RunConfig, TrainConfig
from daexplore.errors import InputError
from daexplore.views import images, style
from daexplore.views.plots import roc
from daexplore.views.plots.history import history_curves, summary_curves, with_epoch_position
from daexplore.views.plots.margin_plane import summary_plane
from daexplore.views.plots.metrics_table import config_differences, metrics_table, summary_metrics
from daexplore.views.plots.roc import summary_roc
from daexplore.views.plots.saliency import summary_saliency

RUNS = ("noDA · seed 0", "MMD · seed 0")


@pytest.fixture(scope="module")
def scores():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    return {
        (run, domain): (labels, random.normal(labels * (1 + i + 2 * (domain == "source"))))
        for i, run in enumerate(RUNS)
        for domain in style.DOMAINS
    }


@pytest.fixture(scope="module")
def roc_table(scores):
    parts = []
    for (run, domain), (labels, values) in scores.items():
        fpr, tpr, threshold = roc_curve(labels, 1 / (1 + np.exp(-values)), drop_intermediate=False)
        auc = np.trapezoid(tpr, fpr)
        parts.append(
            pd.DataFrame(
                {
                    "run": run,
                    "domain": domain,
                    "fpr": fpr,
                    "tpr": tpr,
                    "threshold": threshold,
                    "auc": auc,
                    "n": len(labels),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def history():
    rows = []
    for i, run in enumerate(RUNS):
        for epoch in (1, 2, 3):
            windows = 10 if epoch < 3 else 4
            for window in range(1, windows + 1):
                step = (epoch - 1) * 50 + 5 * window
                rows.append((run, epoch, step, "train", "source", "loss/task", 1 / (step + i + 1)))
            for domain, value in (
                ("source", 0.8 + epoch / 100),
                ("target", 0.5 + i / 10 + epoch / 100),
            ):
                rows.append((run, epoch, epoch * 50, "validation", domain, "accuracy", value))
            rows.append((run, epoch, epoch * 50, "validation", "both", "mmd2", 0.1 / epoch))
    return pd.DataFrame(rows, columns=["run", "epoch", "step", "split", "domain", "name", "value"])


def _metric(value, n, **extra):
    return {"value": value, "low": value - 0.02, "high": value + 0.02, "n": n, **extra}


METRICS = {
    RUNS[0]: {
        "source": {"test": {"accuracy": _metric(0.881, 1500), "auc": _metric(0.96, 1500)}},
        "target": {
            "test": {
                "accuracy": _metric(0.589, 1400, oracle=True),
                "auc": {"value": None, "low": None, "high": None, "n": 1400, "oracle": True},
            }
        },
    },
    RUNS[1]: {
        "target": {
            "test": {"accuracy": _metric(0.731, 1400, oracle=True)},
            "validation": {"accuracy": _metric(0.72, 700, oracle=True)},
        }
    },
}


def _curve_of(overlay, label):
    return next(
        element
        for element in overlay.traverse(lambda e: e, [hv.Curve])
        if element.label.startswith(label)
    )


def test_every_roc_curve_holds_the_table_s_points(roc_table):
    overlay = roc.roc_curves(roc_table)
    for (run, domain), part in roc_table.groupby(["run", "domain"]):
        curve = _curve_of(overlay, f"{run} · {domain}")
        np.testing.assert_array_equal(curve["fpr"], part["fpr"])
        np.testing.assert_array_equal(curve["tpr"], part["tpr"])
        assert f"AUC {part['auc'].iloc[0]:.3f}" in curve.label
        assert (
            curve.opts.get("style", backend="bokeh").kwargs["color"] == style.DOMAIN_COLORS[domain]
        )


def test_operating_point_equals_counting_at_the_threshold(roc_table, scores):
    points = roc.operating_points(roc_table, 0.6).set_index(["run", "domain"])
    assert len(points) == 4
    for key, (labels, values) in scores.items():
        called = 1 / (1 + np.exp(-values)) >= 0.6
        assert points.loc[key, "fpr"] == pytest.approx(called[labels == 0].mean())
        assert points.loc[key, "tpr"] == pytest.approx(called[labels == 1].mean())


def test_threshold_above_every_score_calls_nothing_positive(roc_table):
    assert (roc.operating_points(roc_table, 1.0)[["fpr", "tpr"]] == 0).all(axis=None)


def test_roc_bands_are_drawn_for_each_curve(roc_table):
    bands = roc_table.assign(low=roc_table["tpr"] - 0.05, high=roc_table["tpr"] + 0.05)
    areas = roc.roc_curves(roc_table, bands=bands).traverse(lambda e: e, [hv.Area])
    assert len(areas) == 4
    first = bands[(bands["run"] == RUNS[0]) & (bands["domain"] == "source")]
    np.testing.assert_array_equal(areas[0]["low"], first["low"])


def test_roc_panels_say_n_split_and_oracle_and_keep_a_run_s_dash(roc_table):
    only_target = roc_table[(roc_table["run"] == RUNS[0]) | (roc_table["domain"] == "target")]
    source, target = roc.roc_panels(only_target, threshold=0.5)
    titles = [panel.opts.get("plot", backend="bokeh").kwargs["title"] for panel in (source, target)]
    assert titles == ["Source, test, n = 200", "Target (oracle), test, n = 200"]
    dashes = {
        run: _curve_of(target, run).opts.get("style", backend="bokeh").kwargs["line_dash"]
        for run in RUNS
    }
    assert dashes == {RUNS[0]: "solid", RUNS[1]: "dashed"}


def test_plots_render_in_bokeh(roc_table, history):
    renderer = hv.renderer("bokeh")
    assert renderer.get_plot(roc.roc_panels(roc_table, threshold=0.5)).state is not None
    figure = renderer.get_plot(history_curves(history, "accuracy", epoch=2, epochs=20)).state
    assert (figure.x_range.start, figure.x_range.end) == (0, 20)


def test_history_curves_hold_the_logged_values(history):
    overlay = history_curves(history, "accuracy")
    for (run, domain), part in history[history["name"] == "accuracy"].groupby(["run", "domain"]):
        curve = _curve_of(overlay, f"{run} · {domain}")
        np.testing.assert_array_equal(curve["position"], part["epoch"])
        np.testing.assert_array_equal(curve["value"], part["value"])
    assert "(oracle)" in _curve_of(overlay, f"{RUNS[0]} · target").label


def test_history_curves_of_one_domain_only(history):
    overlay = history_curves(history, "accuracy", domains=["target"])
    assert len(overlay.traverse(lambda e: e, [hv.Curve])) == 2


def test_nothing_logged_yet_gives_an_empty_plot(history):
    overlay = history_curves(history, "loss/mmd")
    assert len(_curve_of(overlay, "")) == 0


def test_training_windows_stand_at_fractions_of_their_epoch(history):
    position = with_epoch_position(history)
    train = position[position["split"] == "train"]
    np.testing.assert_allclose(train["position"], train["step"] / 50)
    first = with_epoch_position(history[(history["epoch"] == 1) & (history["step"] <= 15)])
    np.testing.assert_allclose(first.loc[first["run"] == RUNS[0], "position"], [0.1, 0.2, 0.3])


def test_metrics_table_says_value_interval_n_split_domain_and_oracle():
    table = metrics_table(METRICS, ("test", "validation"))
    assert list(table.columns) == ["run", "domain", "split", "n", "labels", "accuracy", "auc"]
    assert table.to_dict("records")[1] == {
        "run": RUNS[0], "domain": "target", "split": "test", "n": 1400, "labels": "oracle", "accuracy": "0.589 [0.569, 0.609]", "auc": "–",  # noqa: E501
    }  # fmt: skip
    assert list(table["labels"]) == ["known", "oracle", "oracle", "oracle"]
    assert list(table["auc"]) == ["0.960 [0.940, 0.980]", "–", "–", "–"]


def test_metrics_table_of_runs_without_metrics_is_empty():
    assert metrics_table({"a": {}, "b": {"source": {}}}).empty


def test_config_differences_name_only_what_differs():
    noda = RunConfig()
    mmd = RunConfig(alignments=(AlignmentConfig("mmd", 0.5),), train=TrainConfig(epochs=5))
    table = config_differences({"noDA": noda, "MMD": mmd}).set_index("setting")
    assert table.loc["train.epochs"].to_dict() == {"noDA": "16", "MMD": "5"}
    assert table.loc["alignments.mmd.weight"].to_dict() == {"noDA": "–", "MMD": "0.5"}
    assert "train.batch_size" not in table.index


def _decoded(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_galaxy_png_keeps_every_pixel_and_has_row_0_at_the_top():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(_decoded(images.galaxy_png(rgb)), rgb)
    np.testing.assert_array_equal(_decoded(images.galaxy_png(rgb, zoom=3))[1::3, 1::3], rgb)
    assert base64.b64decode(images.data_uri(images.galaxy_png(rgb)).partition(",")[2]).startswith(
        b"\x89PNG"
    )


def test_overlay_shows_only_the_cells_of_the_map():
    cam = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 0.5]])
    drawn = images.overlay(np.full((40, 60, 3), 90, np.uint8), cam, scale=4.0)
    for i in range(2):
        for j in range(3):
            cell = drawn[i * 20 : (i + 1) * 20, j * 20 : (j + 1) * 20].reshape(-1, 3)
            assert len(np.unique(cell, axis=0)) == 1
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 6


def test_one_scale_gives_one_colour_to_one_value():
    rgb = np.zeros((8, 8, 3), np.uint8)
    weak, strong = np.full((2, 2), 0.3), np.array([[0.3, 1.2], [0.0, 0.0]])
    scale = images.common_scale([weak, strong])
    assert scale == 1.2
    np.testing.assert_array_equal(
        images.overlay(rgb, weak, scale)[0, 0], images.overlay(rgb, strong, scale)[0, 0]
    )
    brightness = [
        images.overlay(rgb, np.full((1, 1), v), 1.0)[0, 0].astype(float) @ [0.2126, 0.7152, 0.0722]
        for v in np.linspace(0, 1, 30)
    ]
    assert (np.diff(brightness) > 0).all()


def test_map_and_galaxy_are_turned_alike():
    cam = np.array([[1.0, 0.0], [0.0, 0.0]])
    rgb = np.zeros((6, 6, 3), np.uint8)
    np.testing.assert_array_equal(
        _decoded(images.overlay_png(rgb, cam, 1.0)), images.overlay(rgb, cam, 1.0)
    )
    assert (
        _decoded(images.overlay_png(rgb, cam, 1.0))[0, 0].sum()
        > _decoded(images.overlay_png(rgb, cam, 1.0))[5, 0].sum()
    )


def test_maps_of_zeros_have_a_scale():
    assert images.common_scale([np.zeros((3, 3))]) == 1.0
    assert images.common_scale([]) == 1.0


def test_wall_places_galaxies_row_by_row():
    stamps = np.stack([np.full((4, 4, 3), 10 * i, np.uint8) for i in range(5)])
    gallery = _decoded(images.mosaic_png(stamps, columns=3, gap=1))
    assert gallery.shape == (9, 14, 4)
    assert [gallery[0, 0, 0], gallery[0, 5, 0], gallery[5, 5, 0]] == [0, 10, 40]
    assert gallery[0, 4, 3] == 0
    assert gallery[8, 13, 3] == 0


def test_image_of_fluxes_is_refused_with_advice():
    with pytest.raises(InputError, match="to_rgb"):
        images.galaxy_png(np.zeros((4, 4, 3)))


def test_styles_never_repeat_among_the_first_runs():
    styles = style.run_styles(map(str, range(28)))
    assert len(set(styles.values())) == 28


def test_summaries_say_numbers_n_split_and_oracle(roc_table, history):
    text = summary_metrics(METRICS)
    assert (
        text
        == f"Accuracy on 1400 test galaxies of the target (oracle): {RUNS[0]} 0.589 [0.569, 0.609];"
        f" {RUNS[1]} 0.731 [0.711, 0.751]."
    )
    assert summary_metrics({}) == "No accuracy of the target test galaxies is known yet."
    auc = roc_table.groupby(["run", "domain"])["auc"].first()
    assert f"target (oracle), n = 200: {RUNS[0]} {auc[RUNS[0], 'target']:.3f}" in summary_roc(
        roc_table
    )
    assert f"{RUNS[1]} on target (oracle) 0.61 to 0.63 (epoch 1 to 3)" in summary_curves(
        history, "accuracy"
    )
    assert f"{RUNS[0]} 0.1 to 0.0333" in summary_curves(history, "mmd2")
    plane = summary_plane(
        "MMD", 3, {"source": 0.5, "target": 0.31}, {"source": 150, "target": 140}, "merger"
    )
    assert (
        plane
        == "MMD, epoch 3: 50% of 150 source, 31% of 140 target galaxies are on the side of merger."
    )
    assert "MMD (map is zero)" in summary_saliency(
        "target/G1", "merger", {"noDA": 0.4, "MMD": float("nan")}
    )
