"""Runs to export: a small one from the factory, and a packaged one, both in a folder of the test's
own.
"""

import shutil
from pathlib import Path

import pandas as pd

import daexplore
from daexplore.runs import Run

EXAMPLES = Path(daexplore.__file__).parent / "examples"


def example(root, method="mmd"):
    """A packaged run, copied: nothing is ever written into the package."""
    found = sorted(EXAMPLES.glob(f"*-{method}-*"))[0]
    return Run(shutil.copytree(found, root / found.name))


def outputs(run):
    """What the run's files say at its selected epoch, read without the package: one row a galaxy,
    by sample_id.
    """
    epoch = run.info["selected_epoch"]
    found = pd.read_parquet(run.path / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet")
    samples = pd.read_parquet(run.path / "samples.parquet")
    return found.merge(samples, on="sample_id", how="left", validate="one_to_one")
