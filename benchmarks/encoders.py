"""Encoders and methods on simulated and real pairs of domains.

    python -m benchmarks.encoders train PAIR --runs runs/encoders [--real FOLDER] [--seeds 0..2]
    python -m benchmarks.encoders write --runs runs/encoders

PAIR is ``distant``, ``nearby`` or ``real`` (``benchmarks.conditions`` says which images those are).
A frozen encoder needs to see each image once: ``train`` makes vectors of the images and trains the
network ``mlp`` on them, whose hidden layer is what methods align; the vectors themselves are fixed.
Measured shapes (``morphology``) are vectors too. Networks that train on
images are trained where PAIR is ``real``, whose sets are small. ``write`` measures what is there
into docs/results/encoders.csv and the table of docs/results/encoders.md.

All figures are of the test split; those of the target are oracle.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.conditions import SURVEYS, measured, present
from daexplore.cli.shared.options import run_config, seeds
from daexplore.config import DataConfig, ModelConfig, ReadConfig, RunConfig
from daexplore.engine.embed import embed
from daexplore.engine.training.train import train

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
FILE, PAGE = RESULTS / "encoders.csv", RESULTS / "encoders.md"
VECTORS = {
    "efficientnet-lite0 frozen": ("efficientnet-lite0", {"resize": 128}),
    "morphology": ("morphology", {}),
}
IMAGES: dict[str, tuple[str, dict[str, object]]] = {
    "deepmerge": ("deepmerge", {}),
    "d4-deepmerge": ("d4-deepmerge", {}),
    "resnet18": ("resnet18", {}),
    "efficientnet-lite0 tuned": (
        "efficientnet-lite0",
        {"input": "unit", "resize": 128, "tuning": "full"},
    ),
}
METHODS = ("noda", "mmd", "dann", "lmmd", "oracle")


def pairs(pair: str, real: Path | None) -> dict[str, tuple[str, str, ReadConfig | None]]:
    """Name, source, target and way of reading of each pair of domains."""
    if pair != "real":
        return {pair: (f"{pair}:source", f"{pair}:target", None)}
    if real is None:
        raise SystemExit("real needs --real FOLDER")
    read = ReadConfig(label="morphology")
    source = str(real / "illustris_mock_sdss")
    return {f"real {name}": (source, str(real / name), read) for name in SURVEYS}


def vectors(data: str, network: str, out: Path, read: ReadConfig | None) -> Path:
    """A galaxy set of vectors, made once."""
    name, options = VECTORS[network]
    if not (out / "galaxies.json").exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        embed(data, out, name, options=options, read=read)
        print(out, flush=True)
    return out


def cases(pair: str, runs: Path, real: Path | None) -> Iterator[tuple[str, RunConfig]]:
    """Folder and settings of every training of a pair, for one seed."""
    for name, (source, target, read) in pairs(pair, real).items():
        for network in VECTORS:
            folder = runs / ".work" / network / name
            made = [
                vectors(data, network, folder / domain, read)
                for domain, data in (("source", source), ("target", target))
            ]
            for method in METHODS:
                yield f"{name}/{network}", _of_vectors(made[0], made[1], method)
        if read is None:
            continue
        for network, (model, options) in IMAGES.items():
            for method in METHODS[:4]:
                data = DataConfig(source, target, source_read=read, target_read=read)
                data = dataclasses.replace(data, normalise="image")
                config = _settings(method, epochs=40, batch_size=16, batch_norm="source")
                yield (
                    f"{name}/{network}",
                    dataclasses.replace(config, data=data, model=ModelConfig(model, options)),
                )


def _settings(method: str, **changes: object) -> RunConfig:
    config = run_config("demo", None, None, None, method, None, None, None, None, [])
    settings = dataclasses.replace(
        config.train,
        saliency_limit=2,
        class_balance="batches",
        **changes,  # type: ignore[arg-type]
    )
    return dataclasses.replace(config, train=settings)


def _of_vectors(source: Path, target: Path, method: str) -> RunConfig:
    config = _settings(method, epochs=40)
    data = DataConfig(str(source), str(target))
    return dataclasses.replace(config, data=data, model=ModelConfig("mlp", {}))


def train_pair(pair: str, runs: Path, real: Path | None, chosen: list[int], only: str) -> None:
    """Train every case that is not there yet, seed by seed."""
    everything = [case for case in cases(pair, runs, real) if only in case[0]]
    for seed in chosen:
        for folder, config in everything:
            seeded = dataclasses.replace(config, seed=seed)
            if not present(runs / folder, seeded):
                print(folder, train(seeded, runs / folder).label, flush=True)


def markdown(table: pd.DataFrame, quantity: str) -> str:
    """Rows are pair and encoder, columns methods: mean with interval, on the target (oracle)."""
    rows = table[
        (table["line"] == "mean") & (table["domain"] == "target") & (table["name"] == quantity)
    ]
    rows = rows.assign(method=rows["method"].str.partition(" · ")[0])
    methods = list(dict.fromkeys(rows["method"]))
    lines = [
        f"| pair | encoder | seeds | n | {' | '.join(methods)} |",
        "|" + "---|" * (4 + len(methods)),
    ]
    for case, group in rows.groupby("case", sort=False):
        pair, network = str(case).rsplit("/", 1)
        found = group.set_index("method")
        cells = [_cell(found, method) for method in methods]
        count = f"{int(group['seeds'].min())} | {int(group['n'].max())}"
        lines.append(f"| {pair} | {network} | {count} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(found: pd.DataFrame, method: str) -> str:
    if method not in found.index:
        return "–"
    row = found.loc[method]
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def write(runs: Path) -> None:
    """Write the CSV file and the tables between their marks in the page."""
    import re

    table = measured(runs)
    table.to_csv(FILE, index=False, float_format="%.4f")
    text = PAGE.read_text(encoding="utf-8")
    for quantity in ("auc", "balanced_accuracy"):
        body = markdown(table, quantity)
        print(body)
        mark = re.compile(rf"(<!-- {quantity} -->\n).*?(<!-- /{quantity} -->)", re.S)
        text = mark.sub(lambda found, body=body: f"{found[1]}{body}\n{found[2]}", text)
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("task", choices=("train", "write"))
    parser.add_argument("pair", nargs="?", choices=("distant", "nearby", "real"))
    parser.add_argument("--runs", type=Path, default=Path("runs/encoders"))
    parser.add_argument("--real", type=Path)
    parser.add_argument("--seeds", default="0..2")
    parser.add_argument("--only", default="", help="part of a folder's name")
    given = parser.parse_args()
    if given.task == "write":
        write(given.runs)
    else:
        train_pair(given.pair, given.runs, given.real, seeds(given.seeds), given.only)


if __name__ == "__main__":
    main()
