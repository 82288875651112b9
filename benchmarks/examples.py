"""Makes the example runs that come with the package out of whole ones: python
benchmarks/examples.py runs/distant

The whole ones are noDA, MMD and DANN on "distant", seeds 0 to 2, as `daexplore sweep --data distant
--seeds 0..2 --runs runs/distant` trains them; `make examples` does both. Seed 0 keeps epochs to
play, the other seeds what they are compared by.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

from daexplore.app.latents.view import scene
from daexplore.app.results.opening_galaxy import opening_galaxy
from daexplore.app.state import EXAMPLES, ExplorerState
from daexplore.config import preset
from daexplore.data.simulate import PRESETS
from daexplore.engine.explanation.gradcam import gradcam_map
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore, RunWriter
from daexplore.runs.archive.subset import sample_of, subset

METHODS = ("noda", "mmd", "dann")
SEEDS = (0, 1, 2)
TEST, VALIDATION = 500, 100
PLAYED = (1, 2, 4, 6, 9, 12, 16)
MAPS = 15  # galaxies, each in both domains
LIMIT = 12e6  # bytes


def chosen(root: Path) -> list[Run]:
    """The nine runs, the newest of each method and seed that has the preset's settings."""
    plain = preset("distant")
    finished = [
        run
        for run in RunStore(root).runs()
        if run.status == "finished" and run.config.data == plain.data
    ]
    found = []
    for seed in SEEDS:
        for method in METHODS:
            same = [
                run
                for run in finished
                if run.method == method and run.seed == seed and run.config.train == plain.train
            ]
            if not same:
                raise InputError(
                    f"{root} has no finished run of {method} with seed {seed} on the preset"
                    " distant. Run make examples."
                )
            found.append(same[0])
    return found


def shown(root: Path) -> list[str]:
    """Test images whose maps are there at once: those of some galaxies, and of the one that the
    explorer opens with.
    """
    state = ExplorerState(root)
    state.set_runs(
        [
            run.id
            for method in METHODS
            for run in state.store.runs()
            if (run.method, run.seed) == (method, 0)
        ]
    )
    telling = opening_galaxy(state, [scene(state, run) for run in state.runs])
    samples = state.runs[0].samples.query("split == 'test'")
    groups = list(dict.fromkeys(samples["group_id"]))[:MAPS]
    if telling is not None:
        groups.append(samples.loc[telling.sample_id, "group_id"])
    return samples.index[samples["group_id"].isin(groups)].tolist()


def draw(run: Run, sample_ids: list[str]) -> None:
    """Write their Grad-CAM maps at the selected epoch, as the explorer would compute them."""
    assert run.selected_epoch is not None
    domains = run.samples.loc[sample_ids, "domain"]
    maps = [
        gradcam_map(run.path, run.selected_epoch, name, domain) for name, domain in domains.items()
    ]
    RunWriter(run.path, run.info).write_saliency(
        run.selected_epoch, sample_ids, np.ones(len(maps), np.int64), np.stack(maps)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("to", type=Path, nargs="?", default=EXAMPLES)
    options = parser.parse_args()
    runs = chosen(options.runs)
    ids = sample_of(runs[0], TEST, VALIDATION)
    simulated = {
        "preset": "distant",
        "version": PRESETS["distant"].version,
        "seed": runs[0].config.data.simulation_seed,
    }
    shutil.rmtree(options.to, ignore_errors=True)
    for run in runs:
        assert run.selected_epoch is not None
        epochs = {run.selected_epoch, *(PLAYED if run.seed == 0 else ())}
        print(subset(run, options.to, sorted(epochs), ids, simulated))
    explained = shown(options.to)
    for run in RunStore(options.to).runs():
        draw(run, explained)
    size = sum(file.stat().st_size for file in options.to.rglob("*") if file.is_file())
    print(f"{len(runs)} runs, {len(ids)} images each, {size / 1e6:.1f} MB in {options.to}")
    if size > LIMIT:
        raise SystemExit(f"That is more than {LIMIT / 1e6:.0f} MB: keep fewer epochs or galaxies.")


if __name__ == "__main__":
    main()
