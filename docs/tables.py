"""Write the tables of methods in README.md and docs/commands.md from the registry."""

import re
from pathlib import Path

from daexplore.methods import methods_table

ROOT = Path(__file__).resolve().parent.parent
TABLE = re.compile(r"^\| `--method` \|.*\n(?:\|.*\n)+", re.MULTILINE)


def main() -> None:
    """Replace each table in place."""
    for name, references in (("README.md", False), ("docs/commands.md", True)):
        path = ROOT / name
        table = methods_table(references) + "\n"
        text, count = TABLE.subn(lambda _, table=table: table, path.read_text(encoding="utf-8"))
        if count != 1:
            raise SystemExit(f"{name}: expected one table that starts with `--method`: {count}")
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
