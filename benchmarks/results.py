"""The measured tables of a set of runs: each run's held-out metrics, and each method's mean over
its seeds, with intervals.

    daexplore train --data distant --method noda --seed 0..2 --runs runs/distant      (the same for mmd
    and dann) python benchmarks/results.py runs/distant docs/results/distant.csv

writes one line a run, domain and metric to the CSV file, the means over seeds to a file beside it
(distant-summary.csv), and prints the table that README.md shows. With the CSV file alone, it only
prints the table.

Intervals of a run resample galaxies. Those of a mean over seeds resample galaxies, the same in all
runs, and seeds; so do those of the difference between two methods, which therefore is a paired one.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.analysis.metrics.classification import reweighted_metrics
from daexplore.runs import Evaluation, Run, RunStore
from daexplore.views.plots.metrics_table import metrics_rows

METHODS = {
    "noda": "noDA",
    "mmd": "MMD",
    "dann": "DANN",
    "mmd+transfer (frozen)": "MMD + transfer, convolutions frozen",
    "mmd+transfer (recorded)": "MMD + transfer, recorded preprocessing",
    "mmd+transfer (fitted)": "MMD + transfer, fitted preprocessing",
}
NAMES = ("accuracy", "balanced_accuracy", "auc")
RESAMPLES = 1000


def method_of(run: Run) -> str:
    """The run's method and, of a run that started from another one, how."""
    transfer = run.config.transfer
    if transfer is None:
        return run.method
    recipe = (
        "frozen"
        if transfer.freeze
        else {"run": "recorded", "fit": "fitted"}[transfer.preprocessing]
    )
    return f"{run.method}+transfer ({recipe})"


def finished(folder: Path) -> list[Run]:
    store = RunStore(folder)
    store.refresh()
    runs = [run for run in store.runs() if run.status == "finished"]
    return sorted(runs, key=lambda run: (list(METHODS).index(method_of(run)), run.seed))


def collect(runs: list[Run]) -> pd.DataFrame:
    """Test metrics, one line a run, domain and metric."""
    parts = []
    for run in runs:
        rows = metrics_rows({run.label: run.info["metrics"]}, ("test",)).drop(columns="run")
        rows = pd.concat(
            [rows, pd.DataFrame([*balanced(run.evaluation()), label_free(run)])], ignore_index=True
        )
        about = {
            "method": method_of(run),
            "seed": run.seed,
            "epoch": run.selected_epoch,
            "config_hash": run.info["config_hash"],
        }
        parts.append(rows.assign(**about))
    table = pd.concat(parts, ignore_index=True)
    first = [
        "method",
        "seed",
        "epoch",
        "domain",
        "split",
        "name",
        "value",
        "low",
        "high",
        "n",
        "oracle",
        "config_hash",
    ]
    return table[first].round({"value": 4, "low": 4, "high": 4})


def balanced(evaluation: Evaluation) -> list[dict[str, object]]:
    """The lines of the balanced accuracy, the mean of the classes' recalls, which unequal priors
    leave alone.
    """
    lines = []
    for domain in ("source", "target"):
        drawn = resampled(evaluation, domain)["balanced_accuracy"]
        low, high = np.quantile(drawn[1:], (0.025, 0.975))
        n = int((evaluation.mask(domain, "test") & (evaluation.labels >= 0)).sum())
        about = {
            "domain": domain,
            "split": "test",
            "name": "balanced_accuracy",
            "oracle": domain == "target",
        }
        lines.append(about | {"value": drawn[0], "low": low, "high": high, "n": n})
    return lines


def label_free(run: Run) -> dict[str, object]:
    """Source validation accuracy less validation MMD^2 at the chosen epoch: a score of recipes that
    uses no target label.
    """
    history = run.history()
    rows = history[
        (history["epoch"] == run.selected_epoch) & (history["split"] == "validation")
    ].set_index(["domain", "name"])["value"]
    value = rows["source", "accuracy"] - rows["both", "mmd2"]
    about = {
        "domain": "both",
        "split": "validation",
        "name": "source_accuracy_minus_mmd2",
        "oracle": False,
    }
    return about | {
        "value": value,
        "low": np.nan,
        "high": np.nan,
        "n": int(run.evaluation().mask("source", "validation").sum()),
    }


def resampled(evaluation: Evaluation, domain: str) -> dict[str, np.ndarray]:
    """Name -> (1 + RESAMPLES,) the metric on the test split as it is, then in resamples of its
    galaxies.
    """
    chosen = evaluation.mask(domain, "test") & (evaluation.labels >= 0)
    labels, probabilities = evaluation.labels[chosen], evaluation.probabilities[chosen]
    weights = np.vstack(
        [np.ones(len(labels)), group_weights(evaluation.group_ids[chosen], RESAMPLES)]
    )
    found = reweighted_metrics(labels, probabilities, weights)
    hit = probabilities.argmax(axis=1) == labels
    recalls = [
        (weights * (hit & (labels == k))).sum(axis=1) / (weights * (labels == k)).sum(axis=1)
        for k in np.unique(labels)
    ]
    return {name: found[name] for name in ("accuracy", "auc")} | {
        "balanced_accuracy": np.mean(recalls, axis=0)
    }


def summary(runs: list[Run]) -> pd.DataFrame:
    """Means over seeds, and what each method adds to noDA and each way of transfer to MMD alone;
    all on the test split.

    The epochs' evaluation samples are the same in all runs of a folder, so one draw of galaxies
    serves them all.
    """
    drawn: dict[str, list[dict[tuple[str, str], np.ndarray]]] = {}
    for run in runs:
        values = {
            (d, name): found
            for d in ("source", "target")
            for name, found in resampled(run.evaluation(), d).items()
        }
        drawn.setdefault(method_of(run), []).append(values)
    rng = np.random.default_rng(1)
    methods = [method for method in METHODS if method in drawn]
    lines, means = [], {}
    for method in methods:
        each = drawn[method]
        picked = rng.integers(len(each), size=(RESAMPLES, len(each)))
        for domain, name in each[0]:
            values = np.stack([run[domain, name] for run in each], axis=1)
            mean = np.r_[
                values[0].mean(), np.take_along_axis(values[1:], picked, axis=1).mean(axis=1)
            ]
            means[method, domain, name] = mean
            spread = values[0].std(ddof=1) if len(each) > 1 else np.nan
            lines.append(
                line(METHODS[method], domain, name, mean, len(each)) | {"std_over_seeds": spread}
            )
    for (method, domain, name), mean in means.items():
        other = "mmd" if "transfer" in method else "noda"
        if method != other and other in drawn:
            lines.append(
                line(
                    f"{METHODS[method]} minus {METHODS[other]}",
                    domain,
                    name,
                    mean - means[other, domain, name],
                    len(drawn[method]),
                )
            )
    return pd.DataFrame(lines).round(4)


def line(what: str, domain: str, name: str, drawn: np.ndarray, seeds: int) -> dict[str, object]:
    low, high = np.quantile(drawn[1:], (0.025, 0.975))
    about = {
        "what": what,
        "domain": domain,
        "split": "test",
        "name": name,
        "seeds": seeds,
        "oracle": domain == "target",
    }
    return about | {"value": drawn[0], "low": low, "high": high}


def markdown(results: pd.DataFrame) -> str:
    """The table of README.md: mean and standard deviation over seeds, with each seed's target
    accuracy.
    """
    lines = [
        "| method | source accuracy | source AUC | target accuracy | each seed | target AUC |",
        "|---|---|---|---|---|---|",
    ]
    for method, title in METHODS.items():
        chosen = results[results["method"] == method]
        if chosen.empty:
            continue
        cells = [title]
        for domain, name in (
            ("source", "accuracy"),
            ("source", "auc"),
            ("target", "accuracy"),
            ("target", "auc"),
        ):
            values = chosen[(chosen["domain"] == domain) & (chosen["name"] == name)].sort_values(
                "seed"
            )["value"]
            cells.append(f"{values.mean():.3f} ± {values.std():.3f}")
            if (domain, name) == ("target", "accuracy"):
                cells.append(", ".join(f"{value:.3f}" for value in values))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def with_intervals(table: pd.DataFrame) -> str:
    """README.md's table of a summary: means over seeds, and differences, with their intervals."""
    columns = [
        ("source", "accuracy"),
        ("source", "auc"),
        ("target", "accuracy"),
        ("target", "balanced_accuracy"),
        ("target", "auc"),
    ]
    titles = [
        f"{domain} {name.replace('_', ' ').replace('auc', 'AUC')}" for domain, name in columns
    ]
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(columns) + 1) + "|"]
    for what, rows in table.groupby("what", sort=False):
        values = rows.set_index(["domain", "name"])
        cells = [values.loc[column, ["value", "low", "high"]] for column in columns]
        sign = "+" if " minus " in what else ""
        lines.append(
            f"| {what} | "
            + " | ".join(
                f"{v:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]" for v, low, high in cells
            )
            + " |"
        )
    return "\n".join(lines)


def main() -> None:
    *folder, file = map(Path, sys.argv[1:])
    if folder:
        file.parent.mkdir(parents=True, exist_ok=True)
        runs = finished(folder[0])
        collect(runs).to_csv(file, index=False)
        summary(runs).to_csv(file.with_name(f"{file.stem}-summary.csv"), index=False)
    print(markdown(pd.read_csv(file)))
    if (means := file.with_name(f"{file.stem}-summary.csv")).exists():
        print(with_intervals(pd.read_csv(means)))


if __name__ == "__main__":
    main()
