"""A page a method: what it is, its formula and source, when it fails, what was measured; from the glossary, docstrings and docs/results."""

import re
from collections.abc import Iterator

import pandas as pd

from daexplore.alignment import METHODS
from daexplore.app.glossary.markup import GLOSSARY
from daexplore.app.glossary.terms import Term
from sitegen.failures import FAILS
from sitegen.pages import Pages, table

__all__ = ["entries", "formula", "linked", "write"]

_PROBLEMS = {
    "Two moons": "published-moons",
    "Digits before faint photographs": "published-digits-faint",
    "Digits before strong photographs": "published-digits-strong",
}
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_FREE = ("noda", "adabn", "oracle")
# What the glossary leaves to the docstring: the formula in the notation of the other entries.
_FORMULAS = {
    "pseudo": "task + λ · mean of −ln p(k̂) over the surest of each class k̂",
    "openset": "task + λ (mean entropy of whom a galaxy is like − mean |H(p)/ln K − ½| where that is above the margin)",
    "oracle": "mean of −ln p(label) over labelled target images",
}
_ORIGINS = {
    "noda": "Ćiprijanović et al. 2021, arXiv:2103.01373: its networks without adaptation",
    "oracle": "Ganin et al. 2016, JMLR 17, 1: “train on target”",
}


def entries() -> dict[str, Term]:
    """The glossary's entry of each method, by the method's name on the command line."""
    by_code = {entry.code: entry for entry in GLOSSARY.values() if entry.chapter == "Methods"}
    return {name: by_code[name] for name in (_FREE[0], *METHODS, *_FREE[1:])}


def formula(text: str) -> str:
    """A formula in Unicode, as a paragraph of its own."""
    escaped = re.sub(r"([*_`|\\$<])", r"\\\1", text)
    return f":::{{container}} formula\n{escaped}\n:::\n"


def linked(origin: str) -> str:
    """A source, its arXiv number a link.

    >>> linked("Li 2018, arXiv:1603.04779")
    'Li 2018, [arXiv:1603.04779](https://arxiv.org/abs/1603.04779)'
    """
    return _ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", origin)


def write(pages: Pages) -> None:
    """Writes methods/."""
    measured = _measured(pages)
    for name, entry in entries().items():
        pages.write(f"methods/{name}.md", "\n".join(_page(name, entry, measured)))
    pages.write("methods/index.md", _index())


def _page(name: str, entry: Term, measured: pd.DataFrame) -> Iterator[str]:
    yield f"# {entry.name}\n\n{entry.meaning}\n"
    yield formula(entry.formula or _FORMULAS[name])
    yield f"**Source.** {linked(entry.origin or _ORIGINS[name])}\n"
    yield f"```sh\ndaexplore train --data demo --method {name}\n```\n"
    if name in METHODS:
        kind = METHODS[name]
        yield "## How it is done here\n"
        yield f"```{{eval-rst}}\n.. autoclass:: daexplore.alignment.{kind.__name__}\n   :no-index:\n```\n"
        yield "Its options are set with `--set`, for example:\n"
        yield f"```sh\ndaexplore train --data demo --method {name} --set alignments.{name}.weight=0.5\n```\n"
    yield f"## When it fails\n\n{FAILS[name]}\n"
    rows = measured[measured["method"] == name]
    if len(rows):
        yield "## What was measured\n"
        yield table(
            ["problem", "target accuracy (oracle)", "minus noDA"],
            rows[["problem", "accuracy", "difference"]].to_numpy().tolist(),
        )
        yield (
            "Means of five seeds with 95% intervals, default options and weight 1, none of it tuned to these problems but as said under "
            "[published values](../results/published.md).\n"
        )


def _measured(pages: Pages) -> pd.DataFrame:
    found = []
    for problem, file in _PROBLEMS.items():
        every = pd.read_csv(pages.root / "docs" / "results" / f"{file}.csv")
        target = every[
            (every["domain"] == "target")
            & (every["split"] == "test")
            & (every["name"] == "accuracy")
        ]
        differences = target[target["line"] == "difference"].set_index("method")
        for row in target[target["line"] == "mean"].itertuples():
            difference = differences.loc[row.method] if row.method in differences.index else None
            found.append(
                {
                    "method": row.method,
                    "problem": problem,
                    "accuracy": f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]",
                    "difference": ""
                    if difference is None
                    else "{value:+.3f} [{low:+.3f}, {high:+.3f}]".format(**difference),
                }
            )
    return pd.DataFrame(found)


def _index() -> str:
    rows = [
        [f"[{entry.name}]({name}.md)", f"`{name}`", entry.meaning]
        for name, entry in entries().items()
    ]
    names = "\n".join(entries())
    return f"""# Adaptation methods

Each is a loss beside the source's labels, or a way of normalising. None of them sees a target label. They combine in one run:
`--methods mmd,fisher,entropy`; [your own](../howto/own-method.md) goes in as `package.module:Class`.

{table(["method", "`--method`", "what it does"], rows)}

```{{toctree}}
:hidden:

{names}
```
"""
