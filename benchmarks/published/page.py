"""docs/results/published.md, made of the measured tables and the modules' own words: ``python -m
benchmarks.published.page``.
"""

import sys
from pathlib import Path

import pandas as pd

from benchmarks.published import digits, moons, protocol
from benchmarks.published import talk as distant

__all__ = ["FILE", "page", "read", "results", "talk", "unlearned", "verdict"]

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FILE = RESULTS / "published.md"

INTRODUCTION = """# Published values

What others published, measured again with this package. Made by `python -m benchmarks.published.page`: the figures of the tables come from
the CSV files beside this page, the text from the modules that measured them.

All accuracies are of test images that no training saw, the mean of {seeds} seeds. Brackets are 95% intervals, which resample test images
(the same in every run) and seeds (the same of every method, as equal seeds have equal first weights and training data).
Resampling as few as five seeds makes them somewhat too narrow: in a simulation of two methods compared they covered about 90%, not 95%.
**Every target accuracy used the target's labels to be computed ("oracle"); no method but the one named oracle learned from them.**
"gap closed" is (method - noDA) / (oracle - noDA) of target accuracy. A method "helped" or "harmed" where the interval of its difference to
noDA leaves out zero; else there is no evidence either way. No correction is made for looking at many methods."""

MOONS_PAPER = """| | paper (one draw, Figure 2; it gives no number) | here, target accuracy |
|---|---|---|
| source only | "accurately classifies" the source, "is not fully adapted to the target" | {noda} |
| DANN | "perfectly classifies examples from both source and target samples" | {dann} |"""

LOST = 0.05
READING = {
    "helped": "Helped: {}.",
    "no evidence": "No evidence: {}.",
    "harmed": "Harmed: {}.",
}


def read() -> dict[str, pd.DataFrame]:
    """The tables that have been measured: "moons", and each pair of digits by its name."""
    files = {"moons": moons.FILE} | {
        pair: RESULTS / f"published-digits-{pair}.csv" for pair in digits.STRENGTHS
    }
    return {name: pd.read_csv(file) for name, file in files.items() if file.exists()}


def page(tables: dict[str, pd.DataFrame]) -> str:
    """The whole page.

    Args:
        tables: as ``read`` gives them.
    """
    seeds = max(int(found["seeds"].max()) for found in tables.values())
    parts = [INTRODUCTION.format(seeds=seeds), "## Protocol", _body(protocol.__doc__)]
    if "moons" in tables:
        means = {
            method: _cell(tables["moons"], method, "mean", "target") for method in ("noda", "dann")
        }
        parts += [
            "## Two moons",
            moons.__doc__.strip(),
            MOONS_PAPER.format(**means),
            *results(tables["moons"]),
        ]
    pairs = [pair for pair in digits.STRENGTHS if pair in tables]
    if pairs:
        parts += ["## Digits", digits.__doc__.strip()]
    for pair in pairs:
        parts += [f"### {pair.capitalize()}", *results(tables[pair])]
    return "\n\n".join([*parts, *talk()]) + "\n"


def talk() -> list[str]:
    """The talk's table, where it has been measured."""
    if not distant.FILE.exists():
        return []
    return [
        "## The talk",
        distant.__doc__.strip(),
        distant.section(pd.read_csv(distant.FILE), pd.read_csv(distant.SCORED)),
    ]


def results(found: pd.DataFrame) -> list[str]:
    """One table, in the order of its methods, and a sentence on who helped and who did not."""
    methods = list(dict.fromkeys(found["method"]))
    n = found.drop_duplicates("domain").set_index("domain")["n"]
    lines = [
        (
            f"| method | source accuracy (n = {n['source']}) | target accuracy (n = {n['target']})"
            " | each seed | minus noDA | gap closed | |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    judged: dict[str, list[str]] = {}
    for method in methods:
        each = _chosen(found, method, "run", "target").sort_values("seed")["value"]
        cells = [
            method,
            _cell(found, method, "mean", "source"),
            _cell(found, method, "mean", "target"),
            ", ".join(f"{v:.3f}" for v in each),
        ]
        cells += [
            _cell(found, method, "difference", "target", "+"),
            _cell(found, method, "gap", "target"),
        ]
        word = ""
        if method not in ("noda", "oracle"):
            difference = _chosen(found, method, "difference", "target")
            word = verdict(difference["low"].item(), difference["high"].item())
            judged.setdefault(word, []).append(method)
        lines.append("| " + " | ".join([*cells, word]) + " |")
    said = [READING[word].format(", ".join(judged[word])) for word in READING if word in judged]
    if failed := unlearned(found):
        said.append(
            "Trainings far below noDA's (or the oracle's) median on the domain that taught them,"
            f" by more than {LOST}: {failed}."
        )
    return ["\n".join(lines), " ".join(said)]


def unlearned(found: pd.DataFrame) -> str:
    """The runs that are no good on the domain whose labels taught them: what they say of the other
    one says little of the method.
    """
    failed = []
    runs = found[found["line"] == "run"]
    for teacher, bound in (("source", "noda"), ("target", "oracle")):
        own = runs[
            (runs["domain"] == teacher) & ((runs["method"] == "oracle") == (bound == "oracle"))
        ]
        usual = own[own["method"] == bound]["value"].median()
        failed += [
            f"{run.method} seed {int(run.seed)} ({run.value:.3f})"
            for run in own[own["value"] < usual - LOST].itertuples()
        ]
    return ", ".join(failed)


def verdict(low: float, high: float) -> str:
    """In a word, of the interval of a difference in target accuracy."""
    return "helped" if low > 0 else "harmed" if high < 0 else "no evidence"


def _chosen(found: pd.DataFrame, method: str, line: str, domain: str) -> pd.DataFrame:
    return found[
        (found["method"] == method) & (found["line"] == line) & (found["domain"] == domain)
    ]


def _cell(found: pd.DataFrame, method: str, line: str, domain: str, sign: str = "") -> str:
    """The value with its interval; empty where there is none."""
    return "".join(
        f"{row.value:{sign}.3f} [{row.low:{sign}.3f}, {row.high:{sign}.3f}]"
        for row in _chosen(found, method, line, domain).itertuples()
    )


def _body(text: str | None) -> str:
    return (text or "").strip().partition("\n\n")[2]


def main() -> None:
    tables = read()
    if not tables:
        sys.exit(
            "There is nothing to show yet: first run python -m benchmarks.published.moons, which"
            f" writes {moons.FILE}."
        )
    FILE.write_text(page(tables))


if __name__ == "__main__":
    main()
