"""The page's address: what to copy into a message so that a colleague sees the same."""

from collections.abc import Mapping
from typing import Any

from daexplore.app.state import ExplorerState
from daexplore.errors import InputError

__all__ = ["apply_query", "query_of"]

_VIEWS = ("plane", "pca", "umap")


def query_of(state: ExplorerState) -> dict[str, str]:
    """The query parameters that reproduce what ``state`` shows; what is as it is by default is left out."""
    query = {
        "runs": ",".join(state.run_ids) if state.chosen and state.run_ids else None,
        "epoch": None if state.epoch is None else str(state.epoch),
        "view": None if state.view == "plane" else state.view,
        "galaxy": state.galaxy,
        "threshold": None if state.threshold == 0.5 else f"{state.threshold:g}",
    }
    return {name: text for name, text in query.items() if text is not None}


def apply_query(state: ExplorerState, query: Mapping[str, Any]) -> None:
    """Puts what an address says into ``state``. What it says wrongly is left out and named in ``state.alert``.

    Args:
        query: name -> text, as in the address; unknown names are ignored.
    """
    problems = []
    if query.get("runs"):
        state.choose(str(query["runs"]).split(","))
        problems += [state.alert] if state.alert else []
    for name, parse in (("epoch", _epoch), ("view", _view), ("threshold", _threshold), ("galaxy", str)):
        if query.get(name) in (None, ""):
            continue
        try:
            state.param.update(**{name: parse(str(query[name]))})
        except InputError as error:
            problems.append(str(error))
    state.alert = " ".join(problems)


def _epoch(text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"The address asks for epoch {text!r}; expected a whole number.")
    return int(text)


def _view(text: str) -> str:
    if text not in _VIEWS:
        raise InputError(f"The address asks for the view {text!r}; expected one of {', '.join(_VIEWS)}.")
    return text


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.01 <= value <= 0.99:
        raise InputError(f"The address asks for the threshold {text!r}; expected a number from 0.01 to 0.99.")
    return value
