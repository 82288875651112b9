"""The page's address: what to copy into a message so that a colleague sees the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from daexplore.app.dial_setting import Dial, parse_dial
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.registry import ROOMS
from daexplore.errors import InputError

__all__ = ["ADDRESSED", "apply_query", "query_of"]

ADDRESSED = (
    "run_ids", "chosen", "room", "epoch", "view", "split", "domains", "colour", "pair", "threshold", "galaxy", "filter", "named", "dial",
)  # fmt: skip
"""What of the state an address holds; a lasso goes in under the name it was saved by."""


@dataclass(frozen=True)
class _Part:
    """One parameter of the address: its name there, how its value is written, and how it is read."""

    name: str
    write: Callable[[ExplorerState], str | None]
    read: Callable[[ExplorerState, str], None]


def query_of(state: ExplorerState) -> dict[str, str]:
    """The query parameters that reproduce what ``state`` shows; what is as it is by default is left out."""
    query = {part.name: part.write(state) for part in _PARTS}
    return {name: text for name, text in query.items() if text}


def apply_query(state: ExplorerState, query: Mapping[str, Any]) -> None:
    """Puts what an address says into ``state``. What it says wrongly is left out and named in ``state.alert``.

    Args:
        query: name -> text, as in the address; unknown names are ignored.
    """
    problems = []
    for part in _PARTS:
        if query.get(part.name) in (None, ""):
            continue
        state.alert = ""
        try:
            part.read(state, str(query[part.name]))
        except InputError as error:
            problems.append(str(error))
        if state.alert:
            problems.append(state.alert)
    state.alert = " ".join(problems)


def _choice(name: str, parameter: str, default: str) -> _Part:
    def read(state: ExplorerState, text: str) -> None:
        allowed = state.param[parameter].objects
        if text not in allowed:
            raise InputError(f"The address asks for the {name} {text!r}; expected one of {', '.join(allowed)}.")
        state.param.update(**{parameter: text})

    return _Part(name, lambda state: None if getattr(state, parameter) == default else str(getattr(state, parameter)), read)


def _runs(state: ExplorerState, text: str) -> None:
    state.choose(text.split(","))


def _room(state: ExplorerState, text: str) -> None:
    names = [door.name for door in ROOMS]
    if text not in names:
        raise InputError(f"The address asks for the room {text!r}; expected one of {', '.join(names)}.")
    state.room = text


def _epoch(state: ExplorerState, text: str) -> None:
    # Python would take more digits than a slider, or a patient reader, has use for.
    if not text.isdecimal() or len(text) > 6:
        raise InputError(f"The address asks for epoch {text[:20]!r}; expected a whole number.")
    state.epoch = int(text)


def _threshold(state: ExplorerState, text: str) -> None:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.01 <= value <= 0.99:
        raise InputError(f"The address asks for the threshold {text!r}; expected a number from 0.01 to 0.99.")
    state.threshold = value


def _colour(state: ExplorerState, text: str) -> None:
    if text not in state.colours:
        raise InputError(f"The address asks for the colour {text!r}; expected one of {', '.join(state.colours)}.")
    state.colour = text


def _pair(state: ExplorerState, text: str) -> None:
    parts = text.split(",")
    count = len(state.classes)
    if len(parts) != 2 or not all(part.isdecimal() and int(part) < count for part in parts) or parts[0] == parts[1]:
        raise InputError(f"The address asks for the pair of classes {text!r}; expected two different ones from 0 to {max(count - 1, 1)}.")
    state.pair = (int(parts[0]), int(parts[1]))


def _dial(state: ExplorerState, text: str) -> None:
    state.dial = parse_dial(text)


def _text(parameter: str, state: ExplorerState, text: str) -> None:
    state.param.update(**{parameter: text})


_PARTS = (
    _Part("runs", lambda state: ",".join(state.run_ids) if state.chosen else None, _runs),
    _Part("room", lambda state: None if state.room == ROOMS[0].name else state.room, _room),
    _Part("epoch", lambda state: None if state.epoch is None else str(state.epoch), _epoch),
    _choice("view", "view", "plane"),
    _choice("split", "split", "test"),
    _choice("domains", "domains", "both"),
    _Part("colour", lambda state: None if state.colour == "domain" else state.colour, _colour),
    _Part("pair", lambda state: None if tuple(state.pair) == (0, 1) else "{},{}".format(*state.pair), _pair),
    _Part("threshold", lambda state: None if state.threshold == 0.5 else f"{state.threshold:g}", _threshold),
    _Part("galaxy", lambda state: state.galaxy, partial(_text, "galaxy")),
    _Part("where", lambda state: state.filter, lambda state, text: state.select_where(text)),
    _Part("selection", lambda state: state.named, lambda state, text: state.select_named(text)),
    _Part("dial", lambda state: None if state.dial == Dial() else str(state.dial), _dial),
)
