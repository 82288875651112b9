"""docs/results/published.md, made of the measured tables and the modules' own words: ``python -m benchmarks.published.page``."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.published import digits, moons, protocol, table

__all__ = ["FILE", "page", "read", "results", "talk", "unlearned", "verdict"]

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FILE = RESULTS / "published.md"

INTRODUCTION = """# Published values

What others published, measured again with this package. Made by `python -m benchmarks.published.page` from the tables beside this page;
nothing in it is written by hand.

All accuracies are of test images that no training saw, the mean of {seeds} seeds. Brackets are 95% intervals; {intervals}
**Every target accuracy used the target's labels to be computed ("oracle"); no method but the one named oracle learned from them.**
"gap closed" is (method - noDA) / (oracle - noDA) of target accuracy. A method "helped" or "harmed" where the interval of its difference to
noDA leaves out zero; else there is no evidence either way. No correction is made for looking at many methods."""

MOONS_PAPER = """| | paper (one draw, Figure 2; it gives no number) | here, target accuracy |
|---|---|---|
| source only | "accurately classifies" the source, "is not fully adapted to the target" | {noda} |
| DANN | "perfectly classifies examples from both source and target samples" | {dann} |"""

LEARNED = 0.95
READING = {
    "helped": "Helped: {}.",
    "no evidence": "No evidence: {}.",
    "harmed": "Harmed: {}.",
}


def read() -> dict[str, pd.DataFrame]:
    """The tables that have been measured, by the name of their problem."""
    return {name: pd.read_csv(file) for name, file in (("moons", moons.FILE), ("digits", digits.FILE)) if file.exists()}


def page(tables: dict[str, pd.DataFrame]) -> str:
    """The whole page.

    Args:
        tables: "moons" and "digits", as ``table.tabulate`` makes them; one that is not there is left out.
    """
    seeds = max(int(found["seeds"].max()) for found in tables.values())
    intervals = _paragraph(table.__doc__, 1)
    parts = [INTRODUCTION.format(seeds=seeds, intervals=intervals[0].lower() + intervals[1:]), "## Protocol", _body(protocol.__doc__)]
    if "moons" in tables:
        parts += ["## Two moons", moons.__doc__.strip(), MOONS_PAPER.format(**_means(tables["moons"])), *results(tables["moons"])]
    if "digits" in tables:
        parts += ["## Digits", digits.__doc__.strip(), *results(tables["digits"])]
    return "\n\n".join([*parts, *talk()]) + "\n"


def talk() -> list[str]:
    """The talk's table, from docs/results/distant.csv; nothing yet."""
    return []


def results(found: pd.DataFrame) -> list[str]:
    """One table, in the order of its methods, and a sentence on who helped and who did not."""
    rows = found.set_index(["method", "line", "domain"]).sort_index()
    methods = list(dict.fromkeys(found["method"]))
    n = found.drop_duplicates("domain").set_index("domain")["n"]
    lines = [
        f"| method | source accuracy (n = {n['source']}) | target accuracy (n = {n['target']}) | each seed | minus noDA | gap closed | |",
        "|---|---|---|---|---|---|---|",
    ]
    judged: dict[str, list[str]] = {}
    for method in methods:
        each = rows.loc[(method, "run", "target")].sort_values("seed")["value"]
        cells = [method, _cell(rows, method, "mean", "source"), _cell(rows, method, "mean", "target"), ", ".join(f"{v:.3f}" for v in each)]
        cells += [_cell(rows, method, "difference", "target", "+"), _cell(rows, method, "gap", "target")]
        word = ""
        if method not in ("noda", "oracle"):
            word = verdict(*rows.loc[(method, "difference", "target"), ["low", "high"]].iloc[0])
            judged.setdefault(word, []).append(method)
        lines.append("| " + " | ".join([*cells, word]) + " |")
    said = [READING[word].format(", ".join(judged[word])) for word in READING if word in judged]
    if failed := unlearned(found):
        said.append(
            f"Trainings that did not learn what they were taught (under {LEARNED:.0%} of their own domain's test images): {failed}."
        )
    return ["\n".join(lines), " ".join(said)]


def unlearned(found: pd.DataFrame) -> str:
    """The runs that are no good on the domain whose labels taught them: what they say of the other one says little of the method."""
    taught = np.where(found["method"] == "oracle", "target", "source")
    failed = found[(found["line"] == "run") & (found["domain"] == taught) & (found["value"] < LEARNED)]
    return ", ".join(f"{run.method} seed {run.seed} ({run.value:.3f})" for run in failed.itertuples())


def verdict(low: float, high: float) -> str:
    """In a word, of the interval of a difference in target accuracy."""
    return "helped" if low > 0 else "harmed" if high < 0 else "no evidence"


def _cell(rows: pd.DataFrame, method: str, line: str, domain: str, sign: str = "") -> str:
    if (method, line, domain) not in rows.index:
        return ""
    value, low, high = rows.loc[(method, line, domain), ["value", "low", "high"]].iloc[0]
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def _means(found: pd.DataFrame) -> dict[str, str]:
    rows = found.set_index(["method", "line", "domain"]).sort_index()
    return {method: _cell(rows, method, "mean", "target") for method in ("noda", "dann")}


def _paragraph(text: str | None, number: int) -> str:
    return (text or "").strip().split("\n\n")[number]


def _body(text: str | None) -> str:
    return (text or "").strip().partition("\n\n")[2]


def main() -> None:
    tables = read()
    if not tables:
        sys.exit(f"There is nothing to show yet: first run python -m benchmarks.published.moons, which writes {moons.FILE}.")
    FILE.write_text(page(tables))


if __name__ == "__main__":
    main()
