"""The talk's first table, galaxies at z = 2 with and without a survey's noise, with the
class-aligning methods and the oracle beside it.

Trained by ``daexplore sweep --data distant --methods noda,mmd,dann,lmmd,cdan,oracle --seeds 0..4
--runs runs/distant``, with the settings of the preset for every method: none is tuned. Measured by
``python -m benchmarks.published.talk runs/distant``, which writes docs/results/talk.csv (figures)
and talk-scores.csv (scores without target labels, by run). All figures are of the test split.

The method that a user without target labels would take is chosen by a rule fixed before more than
one seed was trained: each run, at its selected epoch, is scored by every score of
``daexplore.engine.training.label_free_scores`` on validation galaxies; the methods are ranked by
each score's mean over seeds, and the one with the best mean rank is taken. noDA takes part. Methods
that predict a constant are left out, as in ``daexplore.engine.training.epoch_selection``.
"""

import sys
from pathlib import Path

import pandas as pd

from daexplore import Comparison
from daexplore.engine.training.label_free_scores import SCORES, run_scores

__all__ = ["FILE", "SCORED", "choose", "measure", "section"]

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
FILE, SCORED = RESULTS / "talk.csv", RESULTS / "talk-scores.csv"
PUBLISHED = {"noDA": "85 / 58", "MMD": "87 / 77", "DANN": "87 / 79"}
CELLS = (("source", "accuracy"), ("source", "auc"), ("target", "accuracy"), ("target", "auc"))


def measure(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The figures of a folder of runs, one line each, and the scores of every run but the
    oracle's.
    """
    comparison = Comparison([folder])
    parts = [
        comparison.metrics.assign(line="mean"),
        comparison.differences.assign(line="difference"),
        comparison.gap.assign(line="gap"),
    ]
    figures = pd.concat(parts, ignore_index=True)
    figures = figures[figures["name"].isin(["accuracy", "balanced_accuracy", "auc"])]
    said = [
        {
            "line": "oracle verdict" if verdict.oracle else "verdict",
            "method": verdict.method,
            "name": verdict.outcome,
            "oracle": verdict.oracle,
        }
        for verdict in comparison.verdicts
    ]
    columns = [
        "line",
        "method",
        "domain",
        "split",
        "name",
        "value",
        "low",
        "high",
        "seeds",
        "n",
        "galaxies",
        "oracle",
    ]
    scores = [
        {"method": method.name, "seed": run.seed}
        | {f"{d}/{name}": value for (d, name), value in run_scores(run.evaluation()).items()}
        for method in comparison.methods
        if not method.oracle
        for run in method.runs
    ]
    return pd.concat([figures, pd.DataFrame(said)], ignore_index=True)[columns].round(
        4
    ), pd.DataFrame(scores).round(5)


def choose(scores: pd.DataFrame) -> tuple[str, "pd.Series[float]"]:
    """The method with the best mean rank over all scores, and the mean ranks (1 is best).

    Args:
        scores: one line a run: method, seed, and each score as "domain/name".
    """
    means = scores.groupby("method").mean(numeric_only=True)
    above = (means["source/majority"] + means["source/accuracy"].max()) / 2
    useful = means[(means["source/accuracy"] >= above) & (means["target/call_diversity"] >= 0.2)]
    ranks = pd.DataFrame(
        {
            name: useful[f"{domain}/{name}"].rank(ascending=sign < 0, method="average")
            for name, (domain, sign) in SCORES.items()
        }
    )
    mean = ranks.mean(axis=1).sort_values()
    return str(mean.index[0]), mean


def section(figures: pd.DataFrame, scores: pd.DataFrame) -> str:
    """The table and what it says, as Markdown."""
    means = figures[figures["line"] == "mean"]
    n = means[means["domain"] == "target"]["n"].iloc[0]
    lines = [
        (
            "| method | talk: source / target accuracy [%] | source accuracy | source AUC | target"
            " accuracy | target AUC | target accuracy minus noDA | AUC minus noDA | gap closed |"
            " without labels | oracle verdict |"
        ),
        "|---" * 11 + "|",
    ]
    for method in dict.fromkeys(means["method"]):
        cells = [method, PUBLISHED.get(method, "")]
        cells += [_cell(figures, "mean", method, domain, name) for domain, name in CELLS]
        cells += [
            _cell(figures, "difference", method, "target", name, "+")
            for name in ("accuracy", "auc")
        ]
        cells.append(_cell(figures, "gap", method, None, "accuracy"))
        for line in ("verdict", "oracle verdict"):
            cells.append(
                ", ".join(
                    figures[(figures["line"] == line) & (figures["method"] == method)]["name"]
                )
            )
        lines.append("| " + " | ".join(cells) + " |")
    chosen, ranks = choose(scores)
    seeds = ", ".join(
        f"{method} {count}"
        for method, count in (
            means.drop_duplicates("method").set_index("method")["seeds"].astype(int).items()
        )
    )
    gap = figures[
        (figures["line"] == "gap") & (figures["method"] == chosen) & (figures["name"] == "accuracy")
    ]
    closed = f", which closes {gap['value'].item():.0%} of the oracle's gap" if len(gap) else ""
    order = ", ".join(f"{method} {rank:.1f}" for method, rank in ranks.items())
    said = (
        f"n = {int(n)} test images a domain; seeds: {seeds}. All target figures used target labels"
        f" to be computed (oracle). Chosen without target labels: {chosen}{closed}. Mean ranks:"
        f" {order}; a method that is missing calls the target one class."
    )
    return "\n".join(lines) + "\n\n" + said


def _cell(
    figures: pd.DataFrame, line: str, method: str, domain: str | None, name: str, sign: str = ""
) -> str:
    chosen = figures[
        (figures["line"] == line) & (figures["method"] == method) & (figures["name"] == name)
    ]
    if domain is not None:
        chosen = chosen[chosen["domain"] == domain]
    return "".join(
        f"{row.value:{sign}.3f} [{row.low:{sign}.3f}, {row.high:{sign}.3f}]"
        for row in chosen.itertuples()
    )


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Give the folder of the runs: python -m benchmarks.published.talk runs/distant")
    figures, scores = measure(Path(sys.argv[1]))
    figures.to_csv(FILE, index=False)
    scores.to_csv(SCORED, index=False)
    print(section(figures, scores))


if __name__ == "__main__":
    main()
