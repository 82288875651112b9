"""Figures for a paper: their size, fonts, marks and the data beside them."""

import base64
import dataclasses
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from factories import make_run
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.figures import galaxies
from daexplore.views.figures.base import FigureSpec, PlotPositions, RunResult
from daexplore.views.figures.distance_paths import paths_drawing
from daexplore.views.figures.flips import flips_drawing
from daexplore.views.figures.galaxies import galaxies_drawing
from daexplore.views.figures.history import curves_drawing
from daexplore.views.figures.precision_recall import precision_recall_drawing
from daexplore.views.figures.reliability import reliability_drawing
from daexplore.views.figures.render import FORMATS, WIDTHS, csv_text, figure, render, svg_data_uri
from daexplore.views.figures.risk_coverage import risk_coverage_drawing
from daexplore.views.figures.roc import roc_drawing
from daexplore.views.plots.margin_plane import plane_of
from daexplore.views.style import DOMAIN_COLORS

SVG = "{http://www.w3.org/2000/svg}"
THRESHOLD = 0.7
AXES = ("distance to boundary [source σ]", "domain probe [source σ]")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    root = tmp_path_factory.mktemp("runs")
    return [
        make_run(root, method, seed, n=240, epochs=3)
        for seed, method in enumerate(("noda", "mmd", "dann"))
    ]


def compared_of(runs: list[Run]) -> list[RunResult]:
    return [RunResult(run.label, run.id, run.evaluation(), run.classes) for run in runs]


def planes(runs: list[Run], **options: object) -> FigureSpec:
    found = [plane_of(run)[1] for run in runs]
    places = [
        PlotPositions(plane.x, plane.y, float(plane.threshold_x(THRESHOLD)), AXES)
        for plane in found
    ]
    return galaxies_drawing(compared_of(runs), places, threshold=THRESHOLD, **options)


MAKE: dict[str, Callable[[list[Run]], FigureSpec]] = {
    "galaxies": planes,
    "roc": lambda runs: roc_drawing(compared_of(runs), threshold=THRESHOLD),
    "curves": lambda runs: curves_drawing(
        compared_of(runs), {run.label: run.history() for run in runs}
    ),
    "reliability": lambda runs: reliability_drawing(compared_of(runs)),
    "precision-recall": lambda runs: precision_recall_drawing(
        compared_of(runs), threshold=THRESHOLD
    ),
    "risk-coverage": lambda runs: risk_coverage_drawing(compared_of(runs)),
    "paths": lambda runs: paths_drawing(
        compared_of(runs), {run.label: run.history() for run in runs}
    ),
    "flips": lambda runs: flips_drawing(compared_of(runs), threshold=THRESHOLD),
}


NARROW, WIDE = WIDTHS.values()
SIZES = [
    ("galaxies", NARROW),
    ("galaxies", WIDE),
    ("roc", NARROW),
    ("curves", WIDE),
    ("reliability", NARROW),
]
SIZES += [
    ("precision-recall", NARROW),
    ("risk-coverage", NARROW),
    ("paths", NARROW),
    ("flips", WIDE),
    ("flips", NARROW),
]


@pytest.fixture(scope="module")
def drawings(runs: list[Run]) -> dict[str, FigureSpec]:
    return {name: make(runs) for name, make in MAKE.items()}


def group(svg: bytes, name: str) -> list[ET.Element]:
    return [each for each in ET.fromstring(svg).iter(f"{SVG}g") if each.get("id") == name]


def marks(group: ET.Element) -> list[tuple[float, str]]:
    """Where each mark stands across, and its fill. Round ones are copies of one shape, triangles
    are outlines that start at the top.
    """
    found = []
    for each in group.iter():
        style = re.search("fill: (#[0-9a-f]{6})", each.get("style", ""))
        if style and each.tag in (f"{SVG}use", f"{SVG}path"):
            x = each.get("x") or re.match(r"M ([\d.]+)", each.attrib["d"]).group(1)
            found.append((float(x), style.group(1).upper()))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width"), SIZES)
def test_files_have_the_width_of_a_column(
    drawings: dict[str, FigureSpec], name: str, width: float
) -> None:
    files = {kind: render(drawings[name], kind, width) for kind in FORMATS}
    image = Image.open(io.BytesIO(files["png"]))
    assert image.size[0] == pytest.approx(width / 25.4 * 300, abs=1)
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert image.info["Description"] == drawings[name].summary
    root = ET.fromstring(files["svg"])
    points = (
        float(root.attrib["width"].removesuffix("pt")),
        float(root.attrib["height"].removesuffix("pt")),
    )
    assert points[0] / 72 * 25.4 == pytest.approx(width, abs=0.01)
    assert points[1] / 72 * 25.4 == pytest.approx(image.size[1] / 300 * 25.4, abs=0.1)
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", files["pdf"])
    assert box
    assert [float(side) for side in box.groups()] == pytest.approx(points, abs=0.01)
    # TrueType, embedded; none of Type 3.
    assert b"/FontFile2" in files["pdf"]
    assert b"/Type3" not in files["pdf"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width"), SIZES)
def test_no_text_is_small_or_runs_out_of_the_figure(
    drawings: dict[str, FigureSpec], name: str, width: float
) -> None:
    made = figure(drawings[name], width)
    made.savefig(io.BytesIO(), format="png", dpi=100)
    texts = [text for text in made.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= 7
    edge = made.bbox
    for axes in made.axes:
        for text in (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label):
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                assert box.x0 >= edge.x0 - 1
                assert box.x1 <= edge.x1 + 1


def test_every_galaxy_is_drawn_at_its_place_in_its_hue_and_marker(
    runs: list[Run], drawings: dict[str, FigureSpec]
) -> None:
    svg = render(drawings["galaxies"], "svg")
    for label in (0, 1):
        panels = group(svg, f"galaxies-{label}")
        assert len(panels) == len(runs)
        for panel, run in zip(panels, runs, strict=True):
            found, plane = plane_of(run)
            mask = found.mask(split="test") & (found.labels == label)
            drawn = marks(panel)
            assert len(drawn) == mask.sum()
            across = np.sort([x for x, _ in drawn])
            wanted = np.sort(plane.x[mask])
            slope = np.polyfit(wanted, across, 1)
            assert across == pytest.approx(np.polyval(slope, wanted), abs=0.01)
            fills = [fill for _, fill in drawn]
            for domain in ("source", "target"):
                assert fills.count(DOMAIN_COLORS[domain]) == (mask & (found.domain == domain)).sum()
            line = group(svg, "boundary")[runs.index(run)].find(f"{SVG}path").attrib["d"]
            assert float(re.match(r"M ([\d.]+)", line).group(1)) == pytest.approx(
                np.polyval(slope, plane.threshold_x(THRESHOLD)), abs=0.01
            )
    assert all(list(panel.iter(f"{SVG}use")) for panel in group(svg, "galaxies-0"))
    assert not any(list(panel.iter(f"{SVG}use")) for panel in group(svg, "galaxies-1"))


def test_the_margin_plane_has_the_same_axes_in_every_panel(drawings: dict[str, FigureSpec]) -> None:
    made = figure(drawings["galaxies"])
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in made.axes}) == 1
    titles = [axes.get_title(loc="left") for axes in made.axes]
    assert titles[1] == "MMD · seed 1\nepoch 3, test n = 160"
    legend = [text.get_text() for text in made.legends[0].get_texts()]
    assert legend == [
        "source: non-merger",
        "source: merger",
        "target (oracle): non-merger",
        "target (oracle): merger",
        "boundary at p = 0.7",
    ]


def test_points_beyond_the_frame_are_counted(runs: list[Run]) -> None:
    drawing = planes(runs[:1])
    table = drawing.table.copy()
    table.loc[table.index[0], "x"] = 500.0
    far = FigureSpec(
        drawing.name, table, drawing.meta, drawing.summary, drawing.classes, drawing.axes
    )
    axes = figure(far).axes[0]
    galaxies = table[table["series"] == "galaxy"]
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    outside = (~(galaxies["x"].between(left, right) & galaxies["y"].between(low, high))).sum()
    assert right < 100
    assert f"{outside} outside" in [text.get_text() for text in axes.texts]


def test_one_domain_and_another_threshold(runs: list[Run]) -> None:
    drawing = planes(runs[:1], domains=("target",))
    found = runs[0].evaluation()
    count = found.mask("target", "test").sum()
    assert (drawing.table["series"] == "galaxy").sum() == count
    assert drawing.meta["n"] == f"{runs[0].label} {count} of {found.mask(split='test').sum()}"
    share = (found.probability[found.mask("target", "test")] > THRESHOLD).mean()
    assert f"{share:.0%} of {count} target" in drawing.summary


def test_principal_components_keep_their_own_axes(runs: list[Run]) -> None:
    compared = compared_of(runs[:2])
    places = [
        PlotPositions(
            scale * each.evaluation.latents[:, 0],
            each.evaluation.latents[:, 1],
            None,
            ("PC 1", "PC 2"),
        )
        for scale, each in zip((1, 9), compared, strict=True)
    ]
    made = figure(galaxies_drawing(compared, places, "pca"))
    assert made.axes[1].get_xlim()[1] > 4 * made.axes[0].get_xlim()[1]
    assert not any("boundary" in text.get_text() for text in made.legends[0].get_texts())


def test_roc_curves_are_scikit_learns_and_the_point_lies_on_its_curve(
    runs: list[Run], drawings: dict[str, FigureSpec]
) -> None:
    table, made = drawings["roc"].table, figure(drawings["roc"])
    for run in runs:
        found = run.evaluation()
        for place, domain in enumerate(("source", "target")):
            mask = found.mask(domain, "test")
            auc = roc_auc_score(found.labels[mask], found.probability[mask].astype(float))
            said = [text.get_text() for text in made.axes[place].get_legend().get_texts()]
            assert f"{run.label}: AUC {auc:.3f}" in said
            rows = table[(table["run"] == run.label) & (table["domain"] == domain)]
            called = found.pair_probability((0, 1))[mask] >= THRESHOLD
            point = rows[rows["series"] == "threshold"].iloc[0]
            assert point["tpr"] == pytest.approx(called[found.labels[mask] == 1].mean())
            assert point["fpr"] == pytest.approx(called[found.labels[mask] == 0].mean())
    assert "test n = 80" in made.axes[0].get_title(loc="left")
    assert made.axes[1].get_title(loc="left").startswith("Target (oracle)")


def test_precision_recall_is_scikit_learns_and_the_point_lies_on_its_curve(
    runs: list[Run], drawings: dict[str, FigureSpec]
) -> None:
    table = drawings["precision-recall"].table
    for run in runs:
        found = run.evaluation()
        for domain in ("source", "target"):
            mask = found.mask(domain, "test")
            labels, score = found.labels[mask], found.pair_probability((0, 1))[mask]
            rows = table[(table["run"] == run.label) & (table["domain"] == domain)]
            assert rows["ap"].iloc[0] == pytest.approx(average_precision_score(labels, score))
            [point] = rows[rows["series"] == "threshold"].to_dict("records")
            assert point["recall"] == pytest.approx(recall_score(labels, score > THRESHOLD))
            assert point["precision"] == pytest.approx(precision_score(labels, score > THRESHOLD))
            curve = rows[rows["series"] == "curve"]
            assert (
                np.hypot(curve["recall"] - point["recall"], curve["precision"] - point["precision"])
                < 1e-9
            ).any()


def test_risk_at_full_coverage_is_the_error_rate(
    runs: list[Run], drawings: dict[str, FigureSpec]
) -> None:
    table = drawings["risk-coverage"].table
    for run in runs:
        found = run.evaluation()
        for domain in ("source", "target"):
            mask = found.mask(domain, "test")
            last = table[(table["run"] == run.label) & (table["domain"] == domain)].iloc[-1]
            assert (last["coverage"], last["n"]) == (1.0, mask.sum())
            assert last["risk"] == pytest.approx(
                (found.predicted[mask] != found.labels[mask]).mean()
            )


def test_paths_are_the_history_and_mark_the_epoch_shown(
    runs: list[Run], drawings: dict[str, FigureSpec]
) -> None:
    table = drawings["paths"].table
    for run in runs:
        history = (
            run.history().query("split == 'test'").set_index(["name", "domain", "epoch"])["value"]
        )
        for row in table[table["run"] == run.label].to_dict("records"):
            assert row["mmd2"] == history["mmd2", "both", row["epoch"]]
            assert row["accuracy"] == history["accuracy", "target", row["epoch"]]
            assert row["shown"] == (row["epoch"] == run.evaluation().epoch)
    assert "oracle" in drawings["paths"].meta["oracle"]


def test_flips_are_those_of_pandas(runs: list[Run], drawings: dict[str, FigureSpec]) -> None:
    table = drawings["flips"].table
    right = {}
    for run in runs:
        found = run.evaluation()
        mask = found.mask("target", "test")
        called = found.pair_probability((0, 1))[mask] > THRESHOLD
        right[run.label] = pd.Series(
            called == (found.labels[mask] == 1), index=found.sample_ids[mask]
        )
    frame = pd.DataFrame(right)
    for one, other in zip(list(right)[:-1], list(right)[1:], strict=True):
        counts = pd.crosstab(frame[one], frame[other]).reindex(
            index=[False, True], columns=[False, True], fill_value=0
        )
        mine = table[
            (table["step"] == f"{one} → {other}") & (table["domain"] == "target")
        ].set_index("outcome")
        expected = {
            "fixed": (False, True),
            "broken": (True, False),
            "right in both": (True, True),
            "wrong in both": (False, False),
        }
        assert mine["count"].to_dict() == {
            name: counts.loc[place] for name, place in expected.items()
        }
        assert (mine["n"] == len(frame)).all()


def test_curves_are_the_history_and_runs_differ_in_dash(
    runs: list[Run], drawings: dict[str, FigureSpec]
) -> None:
    made = figure(drawings["curves"])
    history = runs[1].history()
    wanted = history[
        (history["name"] == "accuracy")
        & (history["split"] == "test")
        & (history["domain"] == "target")
    ]
    lines = [line for line in made.axes[1].lines if list(line.get_ydata()) == list(wanted["value"])]
    assert len(lines) == 1
    assert to_hex(lines[0].get_color()).upper() == DOMAIN_COLORS["target"]
    looks = {(line.get_linestyle(), line.get_marker()) for line in made.axes[0].lines}
    assert len(looks) == len(runs) == len(made.axes[0].lines)
    keys = {
        name: [text.get_text() for text in figure(drawings[name]).legends[0].get_texts()][:3]
        for name in ("curves", "reliability")
    }
    assert keys["curves"] == keys["reliability"] == [run.label for run in runs]


def test_reliability_counts_all_labelled_galaxies(
    runs: list[Run], drawings: dict[str, FigureSpec]
) -> None:
    table = drawings["reliability"].table
    found = runs[2].evaluation()
    mask = found.mask("target", "test")
    rows = table[(table["run"] == runs[2].label) & (table["domain"] == "target")]
    assert rows["counts"].sum() == mask.sum()
    assert (rows["frequency"] * rows["counts"]).sum() == pytest.approx(found.labels[mask].sum())
    assert (
        (rows["low"] <= rows["frequency"] + 1e-9) & (rows["frequency"] <= rows["high"] + 1e-9)
    ).all()


@pytest.mark.parametrize("name", MAKE)
def test_the_csv_holds_exactly_what_is_drawn_and_what_it_rests_on(
    runs: list[Run], drawings: dict[str, FigureSpec], name: str
) -> None:
    drawing = drawings[name]
    text = csv_text(drawing)
    head = [line for line in text.splitlines() if line.startswith("#")]
    for run in runs:
        assert any(run.id in line for line in head)
        assert any(f"{run.label} = {run.id}, epoch 3" in line for line in head)
    assert "# split: test" in head
    assert "# oracle: classes of target galaxies are the oracle's knowledge" in head
    assert any(line.startswith("# threshold: ") for line in head)
    read = pd.read_csv(io.StringIO(text), comment="#", keep_default_na=True)
    assert len(read) == len(drawing.table)
    for column in drawing.table.select_dtypes("number"):
        assert np.allclose(
            read[column].astype(float), drawing.table[column].astype(float), equal_nan=True
        )
    again = FigureSpec(name, read, drawing.meta, drawing.summary, drawing.classes, drawing.axes)
    assert render(again, "svg", NARROW) == render(drawing, "svg", NARROW)


@pytest.mark.slow
def test_many_galaxies_are_a_raster_within_the_figure(
    drawings: dict[str, FigureSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(galaxies, "RASTER", 100)
    svg = render(drawings["galaxies"], "svg")
    assert [mark for panel in group(svg, "galaxies-0") for mark in marks(panel)] == []
    assert len(list(ET.fromstring(svg).iter(f"{SVG}image"))) == 3


def test_on_a_page_text_takes_the_pages_colour(drawings: dict[str, FigureSpec]) -> None:
    svg = base64.b64decode(svg_data_uri(drawings["roc"]).partition("base64,")[2]).decode()
    ET.fromstring(svg)
    assert "currentColor" in svg
    assert "prefers-color-scheme:dark" in svg
    assert "#1a1a1a" not in svg.partition("</style>")[2]


@pytest.mark.slow
def test_files_are_the_same_each_time_and_settings_are_left_alone(
    drawings: dict[str, FigureSpec],
) -> None:
    before = dict(matplotlib.rcParams)
    for kind in ("png", "pdf"):
        assert render(drawings["curves"], kind, NARROW) == render(drawings["curves"], kind, NARROW)
    assert dict(matplotlib.rcParams) == before


def test_what_cannot_be_drawn_is_said(drawings: dict[str, FigureSpec], runs: list[Run]) -> None:
    with pytest.raises(InputError, match="png, svg, pdf"):
        render(drawings["roc"], "gif")
    unknown = FigureSpec("pie", drawings["roc"].table, {}, "")
    with pytest.raises(InputError, match="no plot 'pie'"):
        figure(unknown)
    with pytest.raises(InputError, match="nothing to draw"):
        figure(
            curves_drawing(compared_of(runs), {run.label: run.history() for run in runs}, "train")
        )


def test_three_classes_and_galaxies_without_a_label(tmp_path: Path) -> None:
    run = make_run(tmp_path, n=120, epochs=1, classes=("spiral", "elliptical", "merger"))
    found = run.evaluation()
    labels = found.labels.copy()
    labels[found.domain == "target"] = -1
    compared = RunResult(run.label, run.id, dataclasses.replace(found, labels=labels), run.classes)
    plane = plane_of(run, pair=(1, 2))[1]
    drawing = galaxies_drawing(
        [compared],
        [PlotPositions(plane.x, plane.y, float(plane.threshold_x(0.5)), AXES)],
        pair=(1, 2),
    )
    said = [text.get_text() for text in figure(drawing).legends[0].get_texts()]
    assert said[:4] == [
        "source: spiral",
        "source: elliptical",
        "source: merger",
        "target: unlabelled",
    ]
    assert drawing.meta["oracle"] == "no target labels are used"
    assert "predicted as merger" in drawing.summary
    for make in (roc_drawing, reliability_drawing):
        assert set(make([compared]).table["domain"]) == {"source"}
