"""README.md shows what the results file says, and nothing else."""

import importlib.util
import re
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parent.parent


def test_the_readme_s_table_is_the_results_file():
    spec = importlib.util.spec_from_file_location("results", ROOT / "benchmarks" / "results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shown = re.search(r"<!-- results -->\n(.*?)\n<!-- /results -->", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    results = pd.read_csv(ROOT / "docs" / "results" / "distant.csv")
    assert shown == module.markdown(results)


def test_the_readme_quotes_the_control_as_measured():
    control = pd.read_csv(ROOT / "docs" / "results" / "control.csv")
    values = control[(control["domain"] == "target") & (control["name"] == "accuracy")]["value"]
    assert len(values) == 3
    assert f"{values.mean():.3f} ± {values.std():.3f}" in (ROOT / "README.md").read_text()


def test_every_seed_is_in_the_results_file_and_target_figures_are_marked():
    results = pd.read_csv(ROOT / "docs" / "results" / "distant.csv")
    assert set(results.groupby("method")["seed"].unique().map(tuple)) == {(0, 1, 2)}
    assert (results["oracle"] == (results["domain"] == "target")).all()
    assert results["n"].min() > 1000
