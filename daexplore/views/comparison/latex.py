"""A comparison as LaTeX tables for a paper: booktabs, every character escaped."""

from collections.abc import Iterable, Mapping
from typing import Any

from daexplore.views.comparison.tables import TEXT_COLUMNS, ShownTable

__all__ = ["comparison_latex", "latex_text"]

_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "−": r"$-$",
    "→": r"$\to$",
    "²": r"$^2$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "–": "--",
    "…": r"\dots{}",
    '"': "''",
} | {character: f"\\{character}" for character in "&%$#_{}"}


def latex_text(text: str) -> str:
    r"""Text as LaTeX shows it.

    >>> print(latex_text("50% of A&B_1 → {x}²"))
    50\% of A\&B\_1 $\to$ \{x\}$^2$
    """
    return "".join(_CHARACTERS.get(character, character) for character in text)


def comparison_latex(shown: Iterable[ShownTable], about: Mapping[str, Any]) -> str:
    """The tables, to be put into a document that loads booktabs.

    Args:
        shown: from ``views.comparison.display_tables``.
        about: ``Comparison.to_dict()``.
    """
    runs = sum(len(method["runs"]) for method in about["methods"])
    head = (
        f"% Written by daexplore compare: {runs} runs, {about['split']} split. Needs"
        " \\usepackage{booktabs}.\n"
    )
    return head + "\n".join(_table(each) for each in shown)


def _table(shown: ShownTable) -> str:
    frame = shown.frame
    caption = latex_text(f"{shown.title.rstrip('?.')}. {shown.caption}")
    # Text is aligned left, numbers right.
    columns = "".join(
        "l" if name in TEXT_COLUMNS or shown.name == "settings" else "r" for name in frame.columns
    )
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:daexplore-{shown.name}}}",
        r"\scriptsize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row(frame.columns),
        r"\midrule",
        *(_row(row) for row in frame.itertuples(index=False)),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[Any]) -> str:
    r"""A cell that begins with a bracket would be taken for the option of the ``\\`` or
    ``\midrule`` before it.
    """
    texts = [latex_text(str(cell)) for cell in cells]
    return (
        " & ".join(f"{{{text}}}" if text.startswith(("[", "*")) else text for text in texts)
        + r" \\"
    )
