"""Pages of the Python interface: one a package, with what its modules say is public; and the
glossary.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import daexplore
from daexplore.app.glossary.markup import glossary_markdown
from sitegen.docstrings import escaped
from sitegen.methods import linked
from sitegen.pages import Pages, table

__all__ = ["write"]

_PACKAGES = {
    "alignment": "adaptation methods, and how to write one",
    "models": "networks, and how to write one",
    "config": "what a run is, as dataclasses",
    "data": "galaxy sets: opening, splitting, preprocessing, simulating",
    "runs": "run folders: reading and writing",
    "analysis": "arrays in, plain data out: metrics, intervals, distances, calibration",
    "engine": "training, evaluating, comparing",
    "exports": "runs and networks for other programs",
    "views": "tables in, plots out",
    "kernels": "Gaussian kernels and the MMD",
    "domains": "names of domains and splits, and what goes from network to method",
    "errors": "what the user can mend",
    "notebook_html": "how objects show themselves in a notebook",
}
"""The packages that are to be used from outside, in the order in which they are met."""


def write(pages: Pages) -> None:
    """Write reference/, but for the command line and the run folder."""
    api = _Api(pages)
    packages = [name for name in _PACKAGES if importlib.util.find_spec(f"daexplore.{name}")]
    for name in packages:
        api.page(f"daexplore.{name}")
    public = "\n".join(_directive("daexplore", name) for name in daexplore.__all__)
    rows = [[f"[daexplore.{name}](api/daexplore.{name}.md)", _PACKAGES[name]] for name in packages]
    tree = "\n".join(f"api/daexplore.{name}" for name in packages)
    pages.write(
        "reference/python.md",
        _PYTHON.format(public=public, table=table(["module", "what is in it"], rows), tree=tree),
    )
    pages.write("reference/glossary.md", _glossary())
    pages.write("reference/index.md", _INDEX)


class _Api:
    """Writes pages of packages; what one module has from another is shown once, where it is
    imported from by users.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages, self._shown = (
            pages,
            {(_defined(getattr(daexplore, name)), name) for name in daexplore.__all__},
        )

    def page(self, name: str) -> bool:
        """Write the page of a package, with its modules, and those of the packages in it; False
        if there is nothing to show.
        """
        module = importlib.import_module(name)
        mine = self._names(module)
        packages, modules = [], []
        for part in _parts(module):
            inner = importlib.import_module(part)
            if hasattr(inner, "__path__"):
                packages += [part] if self.page(part) else []
            elif names := self._names(inner):
                modules.append((inner, names))
        if not (mine or packages or modules):
            return False
        sections = [_head(name), *_section(module, mine, "#")]
        if packages or modules:
            sections += ["## Parts\n", table(["module", ""], _rows(packages, modules))]
        for inner, names in modules:
            sections += _section(inner, names, "##")
        self._pages.write(f"reference/api/{name}.md", "\n".join(sections))
        return True

    def _names(self, module: ModuleType) -> list[str]:
        return [each for each in getattr(module, "__all__", ()) if self._first(module, each)]

    def _first(self, module: ModuleType, name: str) -> bool:
        value = getattr(module, name)
        key = (_defined(value) or module.__name__, name)
        # A constant does not know its module: it is shown where it is first met, which is the
        # package.
        known = key in self._shown or (
            not _defined(value)
            and any(shown == name and not where.count(".") for where, shown in self._shown)
        )
        self._shown.add(key)
        return not known


def _defined(value: Any) -> str:
    return (
        getattr(value, "__module__", "")
        if inspect.isclass(value) or inspect.isroutine(value)
        else ""
    )


def _parts(module: ModuleType) -> list[str]:
    found = pkgutil.iter_modules(module.__path__) if hasattr(module, "__path__") else ()
    return [f"{module.__name__}.{part.name}" for part in found if not part.name.startswith("_")]


def _section(module: ModuleType, names: list[str], heading: str) -> Iterator[str]:
    anchor = f"({module.__name__})=\n" if heading != "#" else ""
    yield f"{anchor}{heading} {module.__name__}\n"
    yield (
        f"```{{eval-rst}}\n{inspect.getdoc(module) or ''}\n\n.. py:module::"
        f" {module.__name__}\n```\n"
    )
    for name in names:
        yield _directive(module.__name__, name)


def _rows(packages: list[str], modules: list[tuple[ModuleType, list[str]]]) -> list[list[str]]:
    links = {part: f"{part}.md" for part in packages}
    links |= {module.__name__: f"#{module.__name__}" for module, _ in modules}
    return [
        [f"[{part.rpartition('.')[2]}]({to})", _first_line(importlib.import_module(part))]
        for part, to in sorted(links.items())
    ]


def _first_line(module: ModuleType) -> str:
    return escaped((inspect.getdoc(module) or "").partition("\n")[0]).replace("``", "`")


def _head(name: str) -> str:
    """Packages within packages stand in no table of contents: with all of them in the margin of
    every page nothing could be found.
    """
    above, _, _ = name.rpartition(".")
    return f"---\norphan: true\n---\n\n[← {above}]({above}.md)\n" if above.count(".") else ""


def _directive(module: str, name: str) -> str:
    value = getattr(importlib.import_module(module), name)
    kind = "class" if inspect.isclass(value) else "function" if inspect.isroutine(value) else "data"
    options = {
        "class": "   :members:\n   :show-inheritance:\n",
        "function": "",
        "data": "   :no-value:\n",
    }[kind]
    return f"```{{eval-rst}}\n.. auto{kind}:: {module}.{name}\n{options}```\n"


def _glossary() -> str:
    lines = []
    for line in glossary_markdown().splitlines():
        named = re.match(r"- \*\*(.*?)\*\*: ", line)
        if named:
            key = re.sub(r"\W+", "-", named[1].lower())
            line = f"- [**{named[1]}**]{{#term-{key}}}: {linked(line[named.end() :])}"
        lines.append(line)
    return "\n".join(lines)


_PYTHON = """# Python

What `import daexplore` gives at once:

{public}

## Modules

{table}

Everything listed in a module's `__all__` is shown. A package imports only packages below it: [architecture](../project/architecture.md).

```{{toctree}}
:hidden:

{tree}
```
"""

_INDEX = """# Reference

- [Command line](command-line.md): every command and option.
- [Python](python.md): every public function and class.
- [Run folder](run-folder.md): the files of a run, to be opened without this package.
- [Glossary](glossary.md): the words of the explorer and of the reports.

```{toctree}
:hidden:

command-line
python
run-folder
glossary
```
"""
