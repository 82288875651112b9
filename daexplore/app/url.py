"""Address of the page: the state as query parameters, to be shared as a link."""

from collections.abc import Mapping
from typing import Any

from daexplore.app.state import ExplorerState
from daexplore.app.tabs.registry import TABS
from daexplore.app.url_parameter import UrlParameter
from daexplore.errors import InputError

__all__ = ["URL_STATE", "apply_query", "to_query"]

URL_STATE = (
    "run_ids", "chosen", "tab", "epoch", "view", "split", "domains", "colour", "pair", "threshold",
    "galaxy", "filter", "selection_name", "dial",
)  # fmt: skip
"""Fields of the state that the address contains; a lasso only under the name it was saved by."""


def to_query(state: ExplorerState) -> dict[str, str]:
    """The query parameters that reproduce what ``state`` shows; what is as it is by default is left
    out.
    """
    query = {part.name: part.write(state) for part in _PARTS}
    return {name: text for name, text in query.items() if text}


def apply_query(state: ExplorerState, query: Mapping[str, Any]) -> None:
    """Put what an address says into ``state``. What it says wrongly is left out and named in
    ``state.alert``.

    Args:
        query: name -> text, as in the address; unknown names are ignored.
    """
    problems = []
    for part in _PARTS:
        if query.get(part.name) in (None, ""):
            continue
        state.warn("")
        try:
            part.read(state, str(query[part.name]))
        except InputError as error:
            problems.append(str(error))
        if state.alert:
            problems.append(state.alert)
    state.warn(" ".join(problems))


def _choice(name: str, parameter: str, default: str) -> UrlParameter:
    def read(state: ExplorerState, text: str) -> None:
        allowed = state.param[parameter].objects
        if text not in allowed:
            raise InputError(
                f"The address asks for the {name} {text!r}; expected one of {', '.join(allowed)}."
            )
        state.show(**{parameter: text})

    return UrlParameter(
        name,
        lambda state: (
            None if getattr(state, parameter) == default else str(getattr(state, parameter))
        ),
        read,
    )


def _runs(state: ExplorerState, text: str) -> None:
    state.set_runs(text.split(","))


def _room(state: ExplorerState, text: str) -> None:
    names = [tab.name for tab in TABS]
    if text not in names:
        raise InputError(
            f"The address asks for the tab {text!r}; expected one of {', '.join(names)}."
        )
    state.open_tab(text)


def _epoch(state: ExplorerState, text: str) -> None:
    # Python would take more digits than a slider, or a patient reader, has use for.
    if not text.isdecimal() or len(text) > 6:
        raise InputError(f"The address asks for epoch {text[:20]!r}; expected a whole number.")
    state.show(epoch=int(text))


def _threshold(state: ExplorerState, text: str) -> None:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.01 <= value <= 0.99:
        raise InputError(
            f"The address asks for the threshold {text!r}; expected a number from 0.01 to 0.99."
        )
    state.show(threshold=value)


def _colour(state: ExplorerState, text: str) -> None:
    if text not in state.colours:
        raise InputError(
            f"The address asks for the colour {text!r}; expected one of {', '.join(state.colours)}."
        )
    state.show(colour=text)


def _pair(state: ExplorerState, text: str) -> None:
    parts = text.split(",")
    count = len(state.classes)
    if (
        len(parts) != 2
        or not all(part.isdecimal() and int(part) < count for part in parts)
        or parts[0] == parts[1]
    ):
        raise InputError(
            f"The address asks for the pair of classes {text!r}; expected two different ones from 0"
            f" to {max(count - 1, 1)}."
        )
    state.show(pair=(int(parts[0]), int(parts[1])))


def _selection(state: ExplorerState, text: str) -> None:
    state.select_named(text)


_PARTS = (
    UrlParameter("runs", lambda state: ",".join(state.run_ids) if state.chosen else None, _runs),
    UrlParameter("room", lambda state: None if state.tab == TABS[0].name else state.tab, _room),
    UrlParameter("epoch", lambda state: None if state.epoch is None else str(state.epoch), _epoch),
    _choice("view", "view", "plane"),
    _choice("split", "split", "test"),
    _choice("domains", "domains", "both"),
    UrlParameter(
        "colour", lambda state: None if state.colour == "domain" else state.colour, _colour
    ),
    UrlParameter(
        "pair",
        lambda state: None if tuple(state.pair) == (0, 1) else "{},{}".format(*state.pair),
        _pair,
    ),
    UrlParameter(
        "threshold",
        lambda state: None if state.threshold == 0.5 else f"{state.threshold:g}",
        _threshold,
    ),
    UrlParameter(
        "galaxy", lambda state: state.galaxy, lambda state, text: state.select_galaxy(text)
    ),
    UrlParameter("where", lambda state: state.filter, lambda state, text: state.select_where(text)),
    UrlParameter("selection", lambda state: state.selection_name, _selection),
    *(parameter for tab in TABS for parameter in tab.url),
)
