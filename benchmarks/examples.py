"""Makes the example runs that come with the package out of whole ones: python benchmarks/examples.py runs/distant

The whole ones are noDA, MMD and DANN on "distant", seeds 0 to 2, as `daexplore sweep --data distant --seeds 0..2 --runs runs/distant`
trains them; `make examples` does both. Seed 0 keeps epochs to play, the other seeds what they are compared by.
"""

import argparse
import shutil
from pathlib import Path

from daexplore.app.state import EXAMPLES
from daexplore.config import preset
from daexplore.data.simulate import PRESETS
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore
from daexplore.runs.thin import sample_of, thin

METHODS = ("noda", "mmd", "dann")
SEEDS = (0, 1, 2)
TEST, VALIDATION = 500, 100
PLAYED = (1, 2, 4, 6, 9, 12, 16)
MAPS = 60
LIMIT = 12e6  # bytes


def chosen(root: Path) -> list[Run]:
    """The nine runs, the newest of each method and seed that has the preset's settings."""
    plain = preset("distant")
    finished = [run for run in RunStore(root).runs() if run.status == "finished" and run.config.data == plain.data]
    found = []
    for seed in SEEDS:
        for method in METHODS:
            same = [run for run in finished if run.method == method and run.seed == seed and run.config.train == plain.train]
            if not same:
                raise InputError(f"{root} has no finished run of {method} with seed {seed} on the preset distant. Run make examples.")
            found.append(same[0])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("to", type=Path, nargs="?", default=EXAMPLES)
    options = parser.parse_args()
    runs = chosen(options.runs)
    ids = sample_of(runs[0], TEST, VALIDATION)
    simulated = {"preset": "distant", "version": PRESETS["distant"].version, "seed": runs[0].config.data.simulation_seed}
    shutil.rmtree(options.to, ignore_errors=True)
    for run in runs:
        assert run.selected_epoch is not None
        epochs = {run.selected_epoch, *(PLAYED if run.seed == 0 else ())}
        print(thin(run, options.to, sorted(epochs), ids, MAPS, simulated))
    size = sum(file.stat().st_size for file in options.to.rglob("*") if file.is_file())
    print(f"{len(runs)} runs, {len(ids)} images each, {size / 1e6:.1f} MB in {options.to}")
    if size > LIMIT:
        raise SystemExit(f"That is more than {LIMIT / 1e6:.0f} MB: keep fewer epochs or galaxies.")


if __name__ == "__main__":
    main()
