"""The measured table of a set of runs: each method's mean and spread over its seeds, from the runs' own held-out metrics.

    daexplore train --data distant --method noda --seed 0..2 --runs runs/distant      (likewise mmd and dann)
    python benchmarks/results.py runs/distant docs/results/distant.csv

writes one line a run, domain and metric to the CSV file and prints the table that README.md shows. With the CSV file alone, it only
prints the table.
"""

import sys
from pathlib import Path

import pandas as pd

from daexplore.runs import RunStore
from daexplore.views.tables import metrics_rows

METHODS = {"noda": "noDA", "mmd": "MMD", "dann": "DANN"}


def collect(folder: Path) -> pd.DataFrame:
    """Test metrics of all finished runs in a folder, one line a run, domain and metric."""
    store = RunStore(folder)
    store.refresh()
    parts = []
    for run in sorted(store.runs(), key=lambda run: (list(METHODS).index(run.method), run.seed)):
        if run.status == "finished":
            rows = metrics_rows({run.label: run.info["metrics"]}, ("test",)).drop(columns="run")
            about = {"method": run.method, "seed": run.seed, "epoch": run.selected_epoch, "config_hash": run.info["config_hash"]}
            parts.append(rows.assign(**about))
    table = pd.concat(parts, ignore_index=True)
    first = ["method", "seed", "epoch", "domain", "split", "name", "value", "low", "high", "n", "oracle", "config_hash"]
    return table[first].round({"value": 4, "low": 4, "high": 4})


def markdown(results: pd.DataFrame) -> str:
    """The table of README.md: mean and standard deviation over seeds, with each seed's target accuracy."""
    lines = [
        "| method | source accuracy | source AUC | target accuracy | each seed | target AUC |",
        "|---|---|---|---|---|---|",
    ]
    for method, title in METHODS.items():
        chosen = results[results["method"] == method]
        if chosen.empty:
            continue
        cells = [title]
        for domain, name in (("source", "accuracy"), ("source", "auc"), ("target", "accuracy"), ("target", "auc")):
            values = chosen[(chosen["domain"] == domain) & (chosen["name"] == name)].sort_values("seed")["value"]
            cells.append(f"{values.mean():.3f} ± {values.std():.3f}")
            if (domain, name) == ("target", "accuracy"):
                cells.append(", ".join(f"{value:.3f}" for value in values))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    *folder, file = map(Path, sys.argv[1:])
    if folder:
        file.parent.mkdir(parents=True, exist_ok=True)
        collect(folder[0]).to_csv(file, index=False)
    print(markdown(pd.read_csv(file)))


if __name__ == "__main__":
    main()
