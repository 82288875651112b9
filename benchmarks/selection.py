"""How well scores without target labels find good epochs and good methods: their correlation with
the target accuracy that they cannot see.

    daexplore sweep --data distant --methods noda,mmd,dann,lmmd,cdan --seeds 0..4 --runs
    runs/distant python benchmarks/selection.py runs/distant docs/results/selection-distant.csv

writes a line for each run and epoch: every score on validation galaxies, and (oracle) the target's
accuracy and AUC on the same galaxies. With the CSV file alone it prints the table of
docs/results/selection.md from it.

Three questions are asked of each score, of the runs of one preset (the oracle's own runs do not
count): - within a run: Spearman's correlation over the epochs of its second half, among which an
epoch is chosen; mean over runs; - between runs: over all runs, each at its last epoch, among which
a method is chosen; - what choosing by it costs: target accuracy of the run's best epoch in its
second half less that of the epoch chosen, and the same for the
  choice of a method by its mean over seeds, with the guards of
  ``daexplore.engine.training.epoch_selection``.
Intervals resample runs.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from daexplore.config import RunConfig, TrainConfig
from daexplore.engine.training.epoch_selection import select_epoch
from daexplore.engine.training.label_free_scores import SCORES, run_scores
from daexplore.runs import Run, RunStore

RESAMPLES = 2000


def collect(folder: Path) -> pd.DataFrame:
    """One line a run and epoch."""
    store = RunStore(folder)
    store.refresh()
    lines = []
    for run in sorted(store.runs(), key=lambda run: (run.method, run.seed)):
        if run.status != "finished" or run.config.train.supervision == "target":
            continue
        oracle = (
            run.history()
            .query("split == 'validation' and domain == 'target' and oracle")
            .set_index(["epoch", "name"])["value"]
        )
        for epoch in run.evaluated:
            scores = {
                f"{domain}/{name}": value for (domain, name), value in scores_of(run, epoch).items()
            }
            known = {f"oracle/{name}": oracle[epoch, name] for name in ("accuracy", "auc")}
            lines.append(
                {"method": run.method, "seed": run.seed, "epoch": epoch, **scores, **known}
            )
    return pd.DataFrame(lines)


def scores_of(run: Run, epoch: int) -> dict[tuple[str, str], float]:
    """As the run recorded them, or computed from its outputs."""
    rows = run.history().query("split == 'validation' and epoch == @epoch and not oracle")
    recorded = {(row.domain, row.name): row.value for row in rows.itertuples(index=False)}
    wanted = {(domain, name) for name, (domain, _) in SCORES.items()} | {
        ("source", "majority"),
        ("target", "call_diversity"),
    }
    return (
        {key: recorded[key] for key in wanted}
        if wanted <= set(recorded)
        else run_scores(run.evaluation(epoch))
    )


def history_of(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines of one run in the form that ``select_epoch`` reads."""
    long = lines.melt(id_vars=["method", "seed", "epoch"], var_name="key").assign(
        split="validation"
    )
    long[["domain", "name"]] = long["key"].str.split("/", expand=True)
    return long[long["domain"] != "oracle"]


def interval(values: np.ndarray, seed: int = 0) -> str:
    """Mean over runs with its 95% interval."""
    values = values[np.isfinite(values)]
    if not len(values):
        return "–"
    drawn = values[
        np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    ].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{values.mean():+.2f} [{low:+.2f}, {high:+.2f}]"


def chosen_epoch(lines: pd.DataFrame, rule: str) -> int:
    return select_epoch(history_of(lines), RunConfig(train=TrainConfig(selection=rule)))[0]


def table(lines: pd.DataFrame) -> pd.DataFrame:
    """The answers, a line a score."""
    runs = [run.sort_values("epoch") for _, run in lines.groupby(["method", "seed"])]
    last = pd.concat([run.tail(1) for run in runs])
    rows = []
    for name, (domain, sign) in SCORES.items():
        key, rule = f"{domain}/{name}", "source_accuracy" if name == "accuracy" else name
        within = np.array(
            [correlation(run[run["epoch"] > run["epoch"].max() / 2], key, sign) for run in runs]
        )
        cost = []
        for run in runs:
            late = run[run["epoch"] > run["epoch"].max() / 2].set_index("epoch")["oracle/accuracy"]
            cost.append(late.max() - late[chosen_epoch(run, rule)])
        rows.append(
            {
                "score": rule,
                "better if": "large" if sign > 0 else "small",
                "within a run": interval(within),
                "between runs": f"{correlation(last, key, sign):+.2f}",
                "epoch's cost": interval(100 * np.array(cost)).replace("+", ""),
                "method chosen": chosen_method(last, key, sign),
            }
        )
    return pd.DataFrame(rows)


def correlation(lines: pd.DataFrame, key: str, sign: int) -> float:
    """Spearman's, positive where the score is right; NaN where either side is constant."""
    if len(lines) < 3 or lines[key].nunique() < 2 or lines["oracle/accuracy"].nunique() < 2:
        return float("nan")
    return float(sign * spearmanr(lines[key], lines["oracle/accuracy"]).statistic)


def chosen_method(last: pd.DataFrame, key: str, sign: int) -> str:
    """The method with the best mean over seeds among those that say something."""
    means = last.groupby("method").mean(numeric_only=True)
    constant = means["source/majority"]
    useful = (means["source/accuracy"] >= (constant + means["source/accuracy"].max()) / 2) & (
        means["target/call_diversity"] >= 0.2
    )
    best = (sign * means.loc[useful, key]).idxmax()
    return f"{best} ({100 * means.loc[best, 'oracle/accuracy']:.1f}%)"


def main() -> None:
    *folder, file = map(Path, sys.argv[1:])
    if folder:
        collect(folder[0]).round(5).to_csv(file, index=False)
    lines = pd.read_csv(file)
    answers = table(lines)
    print("| " + " | ".join(answers.columns) + " |\n" + "|---" * len(answers.columns) + "|")
    for row in answers.itertuples(index=False):
        print("| " + " | ".join(row) + " |")
    best = lines[lines["epoch"] == lines["epoch"].max()].groupby("method")["oracle/accuracy"].mean()
    print(
        f"\n{lines.groupby(['method', 'seed']).ngroups} runs. Best method in truth: {best.idxmax()}"
        f" ({100 * best.max():.1f}%)."
    )


if __name__ == "__main__":
    main()
