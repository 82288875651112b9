"""The specification of run and galaxy-set folders, from docs/formats.md, beside what a run of
the package's examples holds.
"""

import re
from pathlib import Path

import pyarrow.parquet as pq

import daexplore
from daexplore.domains import DOMAINS, SPLITS
from daexplore.runs.layout import FORMAT
from sitegen.pages import Pages, table

__all__ = ["SECTIONS", "write"]

SECTIONS = ("Run folder", "Galaxy set")
"""Of docs/formats.md."""


def write(pages: Pages) -> None:
    """Write reference/run-folder.md."""
    origin, page = "docs/formats.md", "reference/run-folder.md"
    text = pages.read(origin)
    parts = [pages.relinked(_section(text, title), origin, page) for title in SECTIONS]
    said = f"Format {FORMAT}. Domains are {' and '.join(DOMAINS)}, splits {', '.join(SPLITS)}.\n"
    pages.write(page, "\n".join([_HEAD, said, parts[0], _example(), parts[1]]))


def _section(text: str, title: str) -> str:
    found = re.search(
        rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL
    )
    if not found:
        raise ValueError(
            f"docs/formats.md has no section {title!r}, which the specification of the run"
            " folder is made of."
        )
    return found[0]


def _example() -> str:
    run = min((Path(daexplore.__file__).parent / "examples").glob("*-mmd-*"))
    about = (
        f"The files of `{run.name}`, a run that comes with the package (`daexplore/examples`), and"
        " the columns of its tables."
    )
    lines = [f"### An example\n\n{about}\n"]
    rows = []
    for file in sorted(
        path for path in run.rglob("*") if path.is_file() and not path.name.startswith(".")
    ):
        columns = ""
        if file.suffix == ".parquet":
            columns = ", ".join(f"`{field.name}` {field.type}" for field in pq.read_schema(file))
        rows.append(
            [
                f"`{file.relative_to(run).as_posix()}`",
                f"{file.stat().st_size / 1000:.0f} kB",
                columns,
            ]
        )
    return "\n".join([*lines, table(["file", "size", "columns"], _first_of_each(rows))])


def _first_of_each(rows: list[list[str]]) -> list[list[str]]:
    """One row for files that differ only by their epoch."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(re.sub(r"epoch([=-])\d+", r"epoch\1NNNN", row[0]), row)
    return [[name, *row[1:]] for name, row in found.items()]


_HEAD = """# Run folder

Everything the explorer shows is read from these files, and so can you: json, pandas and safetensors are enough.

```python
import json
from pathlib import Path

import pandas as pd

run = next(Path("runs").glob("*-mmd-*"))
about = json.loads((run / "run.json").read_text())
epoch = about["selected_epoch"]
outputs = pd.read_parquet(run / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet", partitioning=None)
samples = pd.read_parquet(run / "samples.parquet")
print(outputs.merge(samples, on="sample_id").groupby(["domain", "split"])["probability"].mean())
```
"""
