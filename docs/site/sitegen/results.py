"""Pages of what was measured: the texts of docs/results as they are, tables and JSON files in full
or by their beginning.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from sitegen.pages import Pages, table

__all__ = ["write"]

_ROWS = 20
_ABOUT = {
    "control": (
        "noDA with batch normalisation over both domains, three seeds: what part of the gain is not"
        " the losses' doing"
    ),
    "distant": "noDA, MMD and DANN on the preset distant, three seeds",
    "nearby": "the preset nearby, five seeds, with transfer",
    "conditions": "random observing conditions beside alignment, means with intervals",
    "encoders": "encoders and methods on simulated and real pairs, means with intervals",
    "statistics": "coverage of intervals and level of verdicts, from simulations",
    "networks": "what observing conditions and networks cost, as ratios to a plain step",
    "nearby-summary": "the same as means over seeds with intervals",
    "published-moons": "two moons, each seed",
    "published-digits-faint": "digits before faint photographs, each seed",
    "published-digits-strong": "digits before strong photographs, each seed",
    "selection-distant": "every score of every epoch on the preset distant",
    "talk": "the talk's first table with intervals",
    "talk-scores": "scores without target labels by run",
    "explorer": "how fast the explorer answers, beside a plain page",
    "explorer-million": "the same with a million galaxies",
    "train-tap": "how fast it answers a tap while a training goes on",
    "ingest": "how fast galaxies are ingested, and that kills change nothing",
    "larger-than-memory": "training on a set larger than memory",
    "predict": "how fast a catalogue is predicted",
    "two-sample": "the level and power of the MMD test",
}


def write(pages: Pages) -> None:
    """Write results/."""
    files = sorted((pages.root / "docs" / "results").iterdir())
    texts = [file for file in files if file.suffix == ".md"]
    data = [file for file in files if file.suffix in (".csv", ".json")]
    for file in texts:
        page, origin = f"results/{file.name}", f"docs/results/{file.name}"
        pages.write(page, pages.relinked(file.read_text(encoding="utf-8"), origin, page))
    told = {file.stem for file in texts}
    # A text and its values can have one name.
    named = {file: f"{file.stem}-values" if file.stem in told else file.stem for file in data}
    for file, name in named.items():
        pages.copy(file, f"results/files/{file.name}")
        pages.write(f"results/{name}.md", _page(file))
    pages.write("results/index.md", _index([file.stem for file in texts], list(named.values())))


def _page(file: Path) -> str:
    about = _ABOUT.get(file.stem, "")
    head = (
        f"# {file.stem}\n\n{about[:1].upper()}{about[1:]}{'.' if about else ''}"
        f" {{download}}`{file.name} <files/{file.name}>`\n"
    )
    if file.suffix == ".csv":
        values = pd.read_csv(file, dtype=str, keep_default_na=False)
        shown = (
            f"The first {_ROWS} of {len(values)} rows:"
            if len(values) > _ROWS
            else f"{len(values)} rows:"
        )
        return f"{head}\n{shown}\n\n" + table(
            list(values.columns), values.head(_ROWS).to_numpy().tolist()
        )
    return f"{head}\n" + _shown(json.loads(file.read_text(encoding="utf-8")))


def _shown(value: Any, level: int = 2) -> str:
    """JSON as tables: plain values as one, lists of records as one each, what is nested under
    headings.
    """
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        names = list(dict.fromkeys(name for row in value for name in row))
        return table(names, [[_text(row.get(name, "")) for name in names] for row in value])
    if not isinstance(value, dict):
        return f"{_text(value)}\n"
    plain = {name: each for name, each in value.items() if not _nested(each)}
    parts = (
        [table(["", "value"], [[name, _text(each)] for name, each in plain.items()])]
        if plain
        else []
    )
    parts += [
        f"{'#' * level} {name}\n\n{_shown(each, level + 1)}"
        for name, each in value.items()
        if _nested(each)
    ]
    return "\n".join(parts)


def _nested(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict) for each in value)
    )


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)


def _index(texts: list[str], data: list[str]) -> str:
    rows = [[f"[{name}]({name}.md)", _ABOUT.get(name, "")] for name in data]
    # Of two files of one name, one beside the other, the text leads.
    names = "\n".join([*texts, *data])
    return f"""# Benchmarks

What daexplore was measured to do, seed by seed, with what did not work. The texts say how each figure came about, the tables hold the
figures.

```{{toctree}}
:maxdepth: 1

{chr(10).join(texts)}
```

{table(["figures", ""], rows)}

```{{toctree}}
:hidden:

{names.split(chr(10), len(texts))[-1]}
```
"""
