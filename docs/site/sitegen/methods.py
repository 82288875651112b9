"""A page a method: what it is, its formula and source, when it fails, what was measured; from the
glossary, docstrings and docs/results.
"""

import re
from collections.abc import Iterator

import pandas as pd

from daexplore import alignment
from daexplore.methods import METHODS, MethodInfo
from sitegen.pages import Pages, table

__all__ = ["formula", "linked", "write"]

_PROBLEMS = {
    "Two moons": "published-moons",
    "Digits before faint photographs": "published-digits-faint",
    "Digits before strong photographs": "published-digits-strong",
}
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


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
    """Write methods/."""
    measured = _measured(pages)
    for name, entry in METHODS.items():
        pages.write(f"methods/{name}.md", "\n".join(_page(name, entry, measured)))
    pages.write("methods/index.md", _index())


def _page(name: str, entry: MethodInfo, measured: pd.DataFrame) -> Iterator[str]:
    yield f"# {entry.label}\n\n{entry.summary}\n"
    yield formula(entry.formula)
    yield f"**Source.** {linked(entry.reference)}\n"
    yield f"```sh\ndaexplore train --data demo --method {name}\n```\n"
    if entry.implementation:
        kind = alignment.METHODS[name]
        yield "## How it is done here\n"
        yield (
            f"```{{eval-rst}}\n.. autoclass:: daexplore.alignment.{kind.__name__}\n  "
            " :no-index:\n```\n"
        )
        yield "Its options are set with `--set`, for example:\n"
        yield (
            f"```sh\ndaexplore train --data demo --method {name} --set"
            f" alignments.{name}.weight=0.5\n```\n"
        )
    if entry.departs:
        yield f"## What departs from the publication\n\n{entry.departs}\n"
    yield f"## When it fails\n\n{entry.fails}\n"
    rows = measured[measured["method"] == name]
    if len(rows):
        yield "## What was measured\n"
        yield table(
            ["problem", "target accuracy (oracle)", "minus noDA"],
            rows[["problem", "accuracy", "difference"]].to_numpy().tolist(),
        )
        yield (
            "Means of five seeds with 95% intervals, default options and weight 1, none of it tuned"
            " to these problems but as said under [published values](../results/published.md).\n"
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
                    "difference": (
                        ""
                        if difference is None
                        else "{value:+.3f} [{low:+.3f}, {high:+.3f}]".format(**difference)
                    ),
                }
            )
    return pd.DataFrame(found)


def _index() -> str:
    rows = [
        [f"[{entry.label}]({name}.md)", f"`{name}`", entry.summary]
        for name, entry in METHODS.items()
    ]
    names = "\n".join(METHODS)
    return f"""# Adaptation methods

Each is a loss beside the source's labels, or a way of normalising. None of them sees a target label. They combine in one run:
`--methods mmd,fisher,entropy`; [your own](../howto/own-method.md) goes in as `package.module:Class`.

{table(["method", "`--method`", "what it does"], rows)}

```{{toctree}}
:hidden:

{names}
```
"""
