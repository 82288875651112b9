"""How often the package's intervals hold the truth, and how often its tests are wrong.

    python -m benchmarks.statistics

simulates galaxies, views and seeds with known values, and writes docs/results/statistics.csv and
the tables of docs/results/statistics.md. Nothing here is trained but the example runs, which come
with the package. Two cores take about ten minutes.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from daexplore.analysis.comparison.paired import difference_draws, difference_p_value, interval
from daexplore.analysis.distance.domain_probe import domain_probe, probe_intervals
from daexplore.analysis.metrics.bootstrap import metrics_with_intervals

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
FILE, PAGE = RESULTS / "statistics.csv", RESULTS / "statistics.md"
REPEATS = 1000
Case = tuple[np.ndarray, np.ndarray, np.ndarray]


def calls(
    rng: np.random.Generator, right: float, galaxies: int, views: int, mergers: float = 0.5
) -> Case:
    """Labels, probabilities and galaxies; all views of a galaxy are called alike."""
    labels = np.repeat((rng.random(galaxies) < mergers).astype(int), views)
    correct = np.repeat(rng.random(galaxies) < right, views)
    score = np.where(np.where(correct, labels, 1 - labels) == 1, 0.9, 0.1)
    return labels, np.stack([1 - score, score], 1), np.repeat(np.arange(galaxies), views)


def scored(
    rng: np.random.Generator, area: float, galaxies: int, views: int, mergers: float
) -> Case:
    """Gaussian scores of a known area under the ROC curve; views of a galaxy are alike by .64."""
    labels = np.repeat((rng.random(galaxies) < mergers).astype(int), views)
    score = np.repeat(0.8 * rng.normal(size=galaxies), views)
    score += 0.6 * rng.normal(size=len(score)) + np.sqrt(2) * norm.ppf(area) * labels
    chance = 1 / (1 + np.exp(-score))
    return labels, np.stack([1 - chance, chance], 1), np.repeat(np.arange(galaxies), views)


def edges() -> Iterator[tuple[str, str, float, Callable[[np.random.Generator], Case]]]:
    """What is measured, on which galaxies, the truth, and how galaxies are drawn."""
    for galaxies in (50, 250, 1000):
        about = f"{galaxies} galaxies, 2 views"
        yield "accuracy", about, 0.99, partial(calls, right=0.99, galaxies=galaxies, views=2)
        for recall in (0.02, 0.005):
            draw = partial(calls, right=recall, galaxies=galaxies, views=2)
            yield "recall", about, recall, draw
        tenth = partial(calls, right=0.8, galaxies=galaxies, views=2, mergers=0.1)
        yield "recall", f"{about}, 10% mergers", 0.8, tenth
        yield "precision", f"{about}, 10% mergers", 0.08 / 0.26, tenth
        yield "f1", f"{about}, 10% mergers", 0.16 / 0.36, tenth
    for area, galaxies, mergers in itertools.product((0.7, 0.9, 0.9997), (100, 500), (0.1, 0.5)):
        about = f"{galaxies} galaxies, 2 views, {mergers:.0%} mergers"
        draw = partial(scored, area=area, galaxies=galaxies, views=2, mergers=mergers)
        yield "auc", about, area, draw
    yield "accuracy", "one galaxy, 2 views", 0.8, partial(calls, right=0.8, galaxies=1, views=2)


def edge_table() -> pd.DataFrame:
    """Coverage of the intervals of metrics."""
    rows = []
    for name, about, truth, draw in edges():
        rng, held, widths = np.random.default_rng(0), [], []
        for _ in range(REPEATS):
            found = metrics_with_intervals(*draw(rng), resamples=200, names=(name,))[name]
            if np.isfinite(found["low"]):
                held.append(found["low"] <= truth <= found["high"])
                widths.append(found["high"] - found["low"])
        rows.append(
            {
                "table": "edges",
                "what": f"{name} {truth:.4g}",
                "galaxies": about,
                "covers": np.mean(held),
                "width 0": np.mean(np.array(widths) == 0),
            }
        )
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def probe_table() -> pd.DataFrame:
    """Coverage of the domain probe's area, for equal and unequal domains."""
    rows = []
    cases = itertools.product((0.0, 0.3, 0.8, 1.5), ((100, 8), (100, 32), (300, 32)), (False, True))
    for shift, (galaxies, size), same in cases:
        ends = []
        for repeat in range(REPEATS // 4):
            rng = np.random.default_rng(repeat)
            one = rng.normal(size=(galaxies, size))
            other = one if same else rng.normal(size=(galaxies, size))
            latents = np.repeat(np.vstack([one, other]), 2, axis=0) * 0.8
            latents += 0.6 * rng.normal(size=latents.shape)
            latents[2 * galaxies :, 0] += shift
            domains = np.repeat(np.array(["source", "target"], object), 2 * galaxies)
            groups = np.repeat(np.arange(2 * galaxies) % (galaxies if same else 2 * galaxies), 2)
            probe = domain_probe(latents, domains, groups)
            found = probe_intervals(probe, latents, domains, groups, 200, repeat)["auc"]
            ends.append((found["value"], found["low"], found["high"]))
        value, low, high = np.array(ends).T
        # Equal domains have .5; else the mean over many draws of galaxies.
        truth = value.mean() if shift else 0.5
        about = f"{galaxies} a domain, {'the same' if same else 'others'}, {size} latents"
        rows.append(
            {
                "table": "probe",
                "what": f"shift {shift:g}, area {truth:.3f}",
                "galaxies": about,
                "covers": np.mean((low <= truth) & (truth <= high)),
            }
        )
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def seeded(
    rng: np.random.Generator, gain: float, seeds: int, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws of two methods on 300 galaxies, whose paired difference scatters so over seeds."""
    galaxies = 0.02 * rng.normal(size=201)
    change = gain + spread * rng.normal(size=(seeds, 1)) + galaxies[0]
    draws = np.hstack([change, change + galaxies[1:]])
    return draws, np.zeros_like(draws)


def seed_table() -> pd.DataFrame:
    """How often equal methods are told apart, how often a gain of .1 is, and coverage of it."""
    rows = []
    for seeds, spread in itertools.product((2, 3, 5), (0.0, 0.02, 0.05, 0.08, 0.12)):
        rng, counts = np.random.default_rng(0), {"level": 0, "power at .1": 0, "covers": 0}
        for _ in range(REPEATS):
            about = {"paired": True, "scatter": 0.057}
            wrong = difference_p_value(*seeded(rng, 0, seeds, spread), 300, **about)
            gained = seeded(rng, 0.1, seeds, spread)
            counts["level"] += wrong < 0.05
            counts["power at .1"] += difference_p_value(*gained, 300, **about) < 0.05
            found = interval(difference_draws(*gained, **about))
            counts["covers"] += found.low <= 0.1 <= found.high
        rows.append(
            {"table": "seeds", "what": f"{seeds} seeds, scatter {spread:g}"}
            | {name: count / REPEATS for name, count in counts.items()}
        )
        print(rows[-1], flush=True)
    gains = np.array([0.12, 0.22, 0.33])
    draws = np.repeat(gains[:, None], 201, axis=1)
    draws[:, 1:] += 0.02 * np.random.default_rng(0).normal(size=200)
    found = difference_p_value(draws, 0 * draws, 359, True, 0.057)
    rows.append({"table": "seeds", "what": "three seeds gaining .12, .22, .33", "p": found})
    return pd.DataFrame(rows)


def scatter_table() -> pd.DataFrame:
    """Measured scatter over seeds of one network and of its difference from noDA of one seed."""
    rows = []
    for name in ("distant", "nearby"):
        table = pd.read_csv(RESULTS / f"{name}.csv")
        table = table[(table["split"] == "test") & table["name"].isin(["accuracy", "auc"])]
        for (domain, metric), group in table.groupby(["domain", "name"]):
            values = group.pivot_table("value", "seed", "method", aggfunc="last")
            single = values.std()
            paired = values.sub(values["noda"], axis=0).drop(columns="noda").std()
            rows.append(
                {
                    "table": "scatter",
                    "what": f"{name}: {domain} {metric}",
                    "seeds": len(values),
                    "one network": f"{single.min():.3f} to {single.max():.3f}",
                    "difference": f"{paired.min():.3f} to {paired.max():.3f}",
                }
            )
    return pd.DataFrame(rows)


def pair_table() -> pd.DataFrame:
    """What is said of every pair of example runs that differ in settings or seed."""
    from daexplore import Comparison
    from daexplore.runs import RunStore

    store = RunStore(Path(__file__).resolve().parents[1] / "daexplore" / "examples")
    store.refresh()
    runs = [run for run in store.runs() if run.status == "finished"]
    said: dict[str, Any] = {}
    for one, other in itertools.permutations(runs, 2):
        try:
            found = Comparison([one, other], baseline=one.method, resamples=100).verdicts
        except ValueError:
            continue
        for verdict in found:
            said[verdict.outcome] = said.get(verdict.outcome, 0) + 1
    return pd.DataFrame(
        [{"table": "pairs", "what": name, "verdicts": count} for name, count in said.items()]
    )


def markdown(table: pd.DataFrame) -> str:
    """The columns that hold anything, as a table."""
    shown = table.drop(columns="table").dropna(axis=1, how="all")
    lines = [f"| {' | '.join(shown)} |", "|" + "---|" * len(shown.columns)]
    for row in shown.to_dict("records"):
        cells = [_cell(value) for value in row.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "–" if np.isnan(value) else f"{value:.3f}"
    return str(value)


def main() -> None:
    """Simulate everything and write it down."""
    made = [make() for make in (seed_table, scatter_table, pair_table, edge_table, probe_table)]
    pd.concat(made, ignore_index=True).to_csv(FILE, index=False, float_format="%.4f")
    text = PAGE.read_text(encoding="utf-8")
    for table in made:
        if table.empty:
            continue
        name, body = table["table"].iloc[0], markdown(table)
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        text = mark.sub(lambda found, body=body: f"{found[1]}{body}\n{found[2]}", text)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
