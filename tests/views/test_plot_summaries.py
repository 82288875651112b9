"""Each plot has its line of text, and the line says what the tables hold."""

import ast
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

import daexplore.views
from daexplore.views.plots.distance_tests import summary_bands, summary_null, summary_witness
from daexplore.views.plots.robustness import summary_boundary, summary_robustness
from daexplore.views.plots.saliency import summary_outcomes, summary_sanity

VIEWS = Path(daexplore.views.__file__).parent

WORDS = {
    "boundary_scatter": "summary_boundary",
    "class_bands": "summary_bands",
    "class_distances": "summary_class_distances",
    "class_plot": "summary_classes",
    "dial_curves": "summary_dial",
    "difference_plot": "summary_differences",
    "distance_paths": "summary_paths",
    "fault_plot": "summary_faults",
    "flows_plot": "summary_flows",
    "history_curves": "summary_curves",
    "mmd_curves": "summary_distances",
    "null_histogram": "summary_null",
    "outcome_grid": "summary_outcomes",
    "pixel_panels": "summary_pixels",
    "trajectory_plot": "summary_walks",
    "precision_recall_curves": "summary_areas",
    "probe_plot": "summary_probe",
    "quantity_panels": "summary_quantity",
    "reliability_diagram": "summary_reliability",
    "reliability_panels": "summary_reliability",
    "risk_coverage_curves": "summary_risk_coverage",
    "risk_coverage_panels": "summary_risk_coverage",
    "roc_curves": "summary_roc",
    "roc_panels": "summary_roc",
    "sanity_curves": "summary_sanity",
    "slice_points": "summary_slices",
    "spectrum_panels": "summary_spectrum",
    "witness_margin": "summary_witness",
}
# Plots are put together of these.
PARTS = {"band_areas", "style_overlay", "run_points", "threshold_point"}


def test_every_plot_has_its_line_of_text() -> None:
    plots, lines = set(), set()
    for file in VIEWS.rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                if node.name.startswith("summary_"):
                    lines.add(node.name)
                elif node.returns is not None and "hv." in ast.unparse(node.returns):
                    plots.add(node.name)
    assert plots - PARTS == set(WORDS)
    assert set(WORDS.values()) <= lines
    assert "summary_robustness" in lines


def test_chance_and_classes() -> None:
    null = np.linspace(-1, 1, 2001)
    for value, where in ((1.2, "above"), (-1.2, "below"), (0.2, "within")):
        assert (
            f"images: {str(value).replace('-', '−')}, {where} 95% of chance (−0.95 to 0.95)"
            in summary_null(null, value, (7, 9), "test")
        )
    common = {"null_low": -0.1, "null_high": 0.1, "split": "test", "n_source": 30, "n_target": 40}
    measures = pd.DataFrame(
        [
            {"name": "mmd2", "kind": "", "oracle": False, "value": 0.5} | common,
            {"name": "class_mmd2", "kind": "merger", "oracle": False, "value": 0.02} | common,
            {"name": "class_mmd2", "kind": "merger", "oracle": True, "value": -0.2} | common,
            {"name": "class_mmd2", "kind": "other", "oracle": True, "value": np.nan} | common,
            {"name": "probe_auc", "kind": "", "oracle": False, "value": 0.9} | common,
        ]
    )
    assert (
        summary_bands(measures)
        == "MMD² by class, test: all galaxies 0.5, beyond chance (n = 30 + 40); merger (predicted)"
        " 0.02, within chance (n = 30 + 40); merger (oracle) −0.2, beyond chance (n = 30 + 40)."
    )
    assert "nothing" in summary_bands(measures.iloc[:0])


def test_witness_counts_what_is_drawn() -> None:
    table = pd.DataFrame(
        {
            "domain": ["source"] * 4 + ["target"] * 2,
            "witness": [1, 2, -1, np.nan, -1, -2.0],
            "margin": [0.0, 1, 2, 3, 4, 5],
            "predicted": 0,
        }
    )
    told = summary_witness(table, "validation")
    assert (
        told
        == "Witness, validation: 67% of 3 source and 0% of 2 target images are where the source is"
        " denser; 5 of 6 shown."
    )


def test_the_ends_of_a_dial_and_of_a_randomisation() -> None:
    rows = [
        (3.0, 0.5, "degraded"),
        (1.0, 0.9, "as recorded"),
        (1.0, 0.1, "another exposure"),
        (2.0, 0.7, "degraded"),
    ]
    table = pd.DataFrame(
        [
            {
                "run": "MMD · seed 0",
                "domain": "target",
                "dial": "noise",
                "unit": "σ",
                "name": "accuracy",
                "oracle": True,
                "n": 20,
            }
            | {"level": level, "value": value, "low": value - 0.1, "high": value + 0.1, "how": how}
            for level, value, how in rows
        ]
    )
    assert (
        summary_robustness(table)
        == "Accuracy against noise [σ]: MMD · seed 0, target (oracle): 0.900 at 1 to 0.500 [0.400,"
        " 0.600] at 3, n = 20."
    )
    assert summary_robustness(table, "auc") == "Nothing was measured."
    layers = [("none", 0.1), ("head", 0.8), ("hidden.4", 0.3)]
    sanity = pd.DataFrame(
        [
            {
                "run": "MMD · seed 0",
                "domain": "source",
                "layer": layer,
                "name": "correlation",
                "value": value,
                "n": 20,
            }
            | {"low": value - 0.1, "high": value + 0.1}
            for layer, value in layers
        ]
    )
    assert (
        "MMD · seed 0, source: 0.30 [0.20, 0.40], other galaxies 0.10, n = 20."
        in summary_sanity(sanity)
    )


def test_distances_and_mean_maps() -> None:
    table = pd.DataFrame(
        {
            "domain": ["source"] * 3 + ["target"] * 2,
            "input": [1, 2, 3, 5.0, np.nan],
            "latent": [2.0, 4, 6, 8, 1],
        }
    )
    assert (
        summary_boundary(table)
        == "Median distance to the boundary, 4 of 5 images: source 2 in the image and 4 in the"
        " latent (n = 3), target 5 in the image and 8 in the latent (n = 1); rank correlation"
        " 1.00."
    )
    assert "none found for 5" in summary_boundary(table.assign(input=np.nan))
    even, middle = np.ones((8, 8)), np.zeros((8, 8))
    middle[3:5, 3:5] = 1
    maps = {
        "MMD, source": {
            "TP": SimpleNamespace(mean=even, n=4),
            "FP": SimpleNamespace(mean=middle, n=1),
            "FN": SimpleNamespace(mean=even, n=0),
        }
    }
    assert (
        summary_outcomes(maps)
        == "Mean Grad-CAM by outcome. MMD, source: TP 4 galaxies, 25% central, FP 1 galaxies, 100%"
        " central, FN none."
    )
