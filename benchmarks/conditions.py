"""What random observing conditions, encoders and alignments do on pairs of domains.

    python -m benchmarks.conditions train PAIR --runs runs/conditions [--real FOLDER] [--seeds 0..2]
        [--methods noda,noda+measured]
    python -m benchmarks.conditions write --runs runs/conditions

``train`` trains every case of a pair that is not there yet; ``write`` measures what is there and
writes docs/results/conditions.csv and the tables of docs/results/conditions.md. Pairs:

- demo: the simulated galaxies of the preset, as published and with a survey's noise.
- distant: the preset of that name, with more galaxies.
- parts: the galaxies of demo, each part of the conditions left out in turn.
- digits: digits before photographs (``benchmarks.published.digits``): a shift that the conditions
  do not span.
- real: images of Galaxy Zoo, an Illustris mock as the source and SDSS, DECaLS or GAMA as the
  target, three classes; FOLDER holds one folder per survey with images and catalogue.csv.

All figures are of the test split; those of the target are oracle. Intervals are those of
``Comparison``: galaxies and seeds.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.published import digits
from daexplore import Comparison
from daexplore.cli.shared.options import run_config, seeds
from daexplore.config import DRAWN, ConditionsConfig, DataConfig, ModelConfig, ReadConfig, RunConfig
from daexplore.engine.training.train import train
from daexplore.runs import Run, RunStore

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
FILE, PAGE = RESULTS / "conditions.csv", RESULTS / "conditions.md"
METHODS = (
    "noda",
    "noda+conditions",
    "noda+measured",
    "mmd",
    "mmd+measured",
    "dann",
    "dann+measured",
    "lmmd",
    "lmmd+measured",
    "oracle",
)
SURVEYS = ("sloan", "decals", "gama")
PARTS: dict[str, dict[str, object]] = {
    "all": {},
    "without rotation": {"rotation": False},
    "without zoom and shift": {"zoom": None, "shift": 0.0},
    "without blur": {"blur": None},
    "without stretch": {"stretch": 0.0},
    "without brightness and colour": {"brightness": 0.0, "colour": 0.0},
    "without noise": {"noise": 0.0},
    "without sky and saturation": {"background": 0.0, "saturation": 0.0},
    "without stars": {"stars": 0},
}
_SHOWN = ("accuracy", "balanced_accuracy", "auc")


def cases(pair: str, real: Path | None, work: Path) -> Iterator[tuple[str, RunConfig]]:
    """Names of folders, and what is trained into each, for every seed."""
    if pair in ("demo", "distant"):
        for method in METHODS:
            yield pair, _quick(_config(pair, method))
    elif pair == "parts":
        for name, changes in PARTS.items():
            conditions = dataclasses.replace(DRAWN, **changes)  # type: ignore[arg-type]
            folder = f"parts/{name}"
            yield folder, _quick(_observed(_config("demo", "noda"), conditions))
    elif pair == "digits":
        source, target = _digits(work)
        for method in METHODS:
            reads = [
                ReadConfig(catalogue=str(file.with_suffix(".csv")), label="class")
                for file in (source, target)
            ]
            data = DataConfig(str(source), str(target), source_read=reads[0], target_read=reads[1])
            chosen = dataclasses.replace(_config("demo", method), data=data)
            model = ModelConfig("deepmerge", {"widths": [16, 32, 32]})
            settings = dataclasses.replace(chosen.train, epochs=30, learning_rate=3e-3)
            yield "digits", _quick(dataclasses.replace(chosen, model=model, train=settings))
    elif pair == "real":
        if real is None:
            raise SystemExit("real needs --real FOLDER")
        for survey in SURVEYS:
            for network, methods in (
                ("deepmerge", ("noda", "noda+conditions", "mmd", "lmmd")),
                ("efficientnet-lite0", ("noda", "noda+conditions", "mmd", "lmmd")),
            ):
                for method in methods:
                    yield f"real-{network}/{survey}", _real(real, survey, network, method)
    else:
        raise SystemExit(f"unknown pair {pair}")


def _config(data: str, method: str) -> RunConfig:
    return run_config(data, None, None, None, method, None, None, None, None, [])


def _quick(config: RunConfig) -> RunConfig:
    """Without many maps, which no table needs."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, saliency_limit=10))


def _observed(config: RunConfig, conditions: ConditionsConfig) -> RunConfig:
    return dataclasses.replace(
        config, train=dataclasses.replace(config.train, conditions=conditions)
    )


def _real(folder: Path, survey: str, network: str, method: str) -> RunConfig:
    read = ReadConfig(label="morphology")
    data = DataConfig(
        str(folder / "illustris_mock_sdss"),
        str(folder / survey),
        source_read=read,
        target_read=read,
        normalise="image",
    )
    options = {"input": "unit", "resize": 128} if network != "deepmerge" else {}
    chosen = _config("demo", method)
    settings = dataclasses.replace(
        chosen.train,
        epochs=40,
        batch_size=16,
        saliency_limit=2,
        batch_norm="source",
        class_balance="batches",
    )
    return dataclasses.replace(
        chosen, data=data, model=ModelConfig(network, options), train=settings
    )


def _digits(work: Path) -> tuple[Path, Path]:
    """The faint pair as .npy files; test digits are dealt out by the package itself."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    data = load_digits()
    plain = data.images / 16.0
    files = []
    for domain, images in (
        ("source", plain),
        ("target", digits.before_photographs(plain, digits.STRENGTHS["faint"])),
    ):
        file = work / f"{domain}.npy"
        large = zoom(images, (1, 2, 2), order=1).astype(np.float32)[:, None]
        np.save(file, large)
        table = pd.DataFrame({"id": range(len(large)), "class": data.target.astype(str)})
        table.to_csv(work / f"{domain}.csv", index=False)
        files.append(file)
    return files[0], files[1]


def present(folder: Path, config: RunConfig) -> bool:
    """Whether a finished run of exactly this config is there."""
    store = RunStore(folder)
    store.refresh()
    return any(run.status == "finished" and run.config == config for run in store.runs())


def train_pair(
    pair: str, runs: Path, real: Path | None, chosen: list[int], methods: set[str]
) -> None:
    """Train every case of these methods (all if empty) that is not there yet, seed by seed."""
    work = runs / ".work"
    work.mkdir(parents=True, exist_ok=True)
    everything = list(cases(pair, real, work))
    for seed in chosen:
        for folder, config in everything:
            seeded = dataclasses.replace(config, seed=seed)
            if methods and seeded.method not in methods:
                continue
            if not present(runs / folder, seeded):
                run = train(seeded, runs / folder)
                print(folder, run.label, flush=True)


def measured(runs: Path) -> pd.DataFrame:
    """Means over seeds and differences from noDA, of every folder with runs."""
    parts = []
    folders = {path.parent.parent for path in runs.rglob("run.json") if ".work" not in path.parts}
    for folder in sorted(folders):
        done = [Run(path) for path in sorted(folder.glob("2*"))]
        if folder.name.endswith("-adapt"):
            # Beside the runs that were adapted.
            parents = folder.with_name(folder.name.removesuffix("-adapt")).glob("2*-noda-*")
            done += [Run(path) for path in sorted(parents)]
        done = [run for run in done if run.status == "finished"]
        if not done:
            continue
        comparison = Comparison(done)
        tables = [comparison.metrics.assign(line="mean")]
        if len(comparison.methods) > 1:
            tables.append(comparison.differences.assign(line="difference"))
        parts.append(
            pd.concat(tables, ignore_index=True).assign(case=str(folder.relative_to(runs)))
        )
    table = pd.concat(parts, ignore_index=True)
    table = table[table["name"].isin(_SHOWN) & (table["split"] == "test")]
    kept = ["case", "line", "method", "domain", "name", "value", "low", "high", "seeds", "n"]
    return table[[name for name in kept if name in table]]


def markdown(table: pd.DataFrame, case: str) -> str:
    """One table: target figures per method, and the difference from noDA in accuracy."""
    heads = [
        "method",
        "seeds",
        "source accuracy",
        "target accuracy",
        "target AUC",
        "accuracy minus noDA",
    ]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    rows = table[table["case"] == case]
    means = rows[rows["line"] == "mean"].set_index(["method", "domain", "name"])
    gains = rows[rows["line"] == "difference"].set_index(["method", "domain", "name"])
    for method in dict.fromkeys(rows["method"]):
        cells = [
            _cell(means, (method, domain, name), "")
            for domain, name in (("source", "accuracy"), ("target", "accuracy"), ("target", "auc"))
        ]
        cells.append(_cell(gains, (method, "target", "accuracy"), "+"))
        seeds = int(rows[rows["method"] == method]["seeds"].max())
        lines.append(f"| {method} | {seeds} | {' | '.join(cells)} |")
    return "\n".join(lines)


def parts_table(table: pd.DataFrame) -> str:
    """One table of all parts left out: target figures of drawn conditions."""
    rows = table[table["case"].str.startswith("parts/") & (table["line"] == "mean")]
    lines = ["| conditions | seeds | target accuracy | target AUC |", "|---|---|---|---|"]
    for case, part in rows.groupby("case", sort=False):
        means = part.set_index(["method", "domain", "name"])
        method = part["method"].iloc[0]
        cells = [_cell(means, (method, "target", name), "") for name in ("accuracy", "auc")]
        name = str(case).removeprefix("parts/")
        lines.append(f"| {name} | {int(part['seeds'].max())} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(table: pd.DataFrame, key: tuple[str, str, str], sign: str) -> str:
    if key not in table.index:
        return "–"
    row = table.loc[key]
    value, low, high = (f"{row[name]:{sign}.3f}" for name in ("value", "low", "high"))
    return value if low.strip("+-") == "nan" else f"{value} [{low}, {high}]"


def write(runs: Path) -> None:
    """Write the CSV file, and each table between its marks in the page."""
    import re

    table = measured(runs)
    table.to_csv(FILE, index=False, float_format="%.4f")
    text = PAGE.read_text(encoding="utf-8")
    cases = [case for case in dict.fromkeys(table["case"]) if not case.startswith("parts/")]
    for case in [*cases, "parts"]:
        mark = re.compile(rf"(<!-- {re.escape(case)} -->\n).*?(<!-- /{re.escape(case)} -->)", re.S)
        body = parts_table(table) if case == "parts" else markdown(table, case)
        text, count = mark.subn(lambda found, body=body: f"{found[1]}{body}\n{found[2]}", text)
        print(f"{case}: {'written' if count else 'has no marks in the page'}\n{body}\n")
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("task", choices=("train", "write"))
    parser.add_argument("pair", nargs="?", choices=("demo", "distant", "parts", "digits", "real"))
    parser.add_argument("--runs", type=Path, default=Path("runs/conditions"))
    parser.add_argument("--real", type=Path)
    parser.add_argument("--seeds", default="0..2")
    parser.add_argument("--methods", default="", help="names with commas; all if not given")
    given = parser.parse_args()
    if given.task == "write":
        write(given.runs)
    else:
        methods = {name for name in given.methods.split(",") if name}
        train_pair(given.pair, given.runs, given.real, seeds(given.seeds), methods)


if __name__ == "__main__":
    main()
