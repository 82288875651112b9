"""Choosing galaxies by a column of their catalogue."""

from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from daexplore.app.catalogue_columns import ColumnFilter, columns_of, is_numeric, parse_filter
from daexplore.app.core.session import show_errors
from daexplore.app.state import ExplorerState
from daexplore.errors import InputError

__all__ = ["picker"]

_NONE = ""


def picker(state: ExplorerState) -> pn.viewable.Viewable:
    """A column, and the range or the categories of it that are selected. It follows
    ``state.filter``.
    """
    return _Picker(state).view


class _Picker:
    def __init__(self, state: ExplorerState) -> None:
        self._state, self._following = state, False
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": (4, 0, 0, 0)}
        self.column = pmui.Select(label="Galaxies by column", searchable=True, size="small", **wide)
        self.range = pmui.RangeSlider(
            label="from, to", start=0, end=1, value=(0, 1), visible=False, size="small", **wide
        )
        self.values = pmui.MultiChoice(label="categories", options=[], visible=False, **wide)
        self.view = pn.Column(
            self.column, self.range, self.values, sizing_mode="stretch_width", margin=0
        )
        follow = show_errors(state, self._follow)
        follow()
        state.param.watch(follow, ["run_ids", "filter"])
        self.column.param.watch(show_errors(state, self._choose), "value")
        # Only the released position counts: each step would select thousands of galaxies again.
        self.range.param.watch(show_errors(state, self._narrow), "value_throttled")
        self.values.param.watch(show_errors(state, self._narrow), "value")

    def _follow(self, *_: Any) -> None:
        self._following = True
        try:
            wanted = parse_filter(self._state.filter) if self._state.filter else None
            names = columns_of(self._state.runs)
            self.column.param.update(
                options={"none": _NONE} | {name: name for name in names},
                value=wanted.column if wanted is not None and wanted.column in names else _NONE,
            )
            self._offer(wanted)
        finally:
            self._following = False

    def _offer(self, wanted: ColumnFilter | None) -> None:
        name = self.column.value
        column = self._state.runs[0].samples[name] if name and self._state.runs else None
        numeric = column is not None and is_numeric(column)
        self.range.visible, self.values.visible = numeric, column is not None and not numeric
        if column is None:
            return
        if not numeric:
            names = sorted(map(str, column.dropna().unique()))
            self.values.param.update(options=names, value=list(wanted.values) if wanted else [])
            return
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
        low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        chosen = (max(wanted.low, low), min(wanted.high, high)) if wanted else (low, high)
        self.range.param.update(
            start=low, end=high, step=(high - low) / 100, value=chosen, label=name
        )

    def _choose(self, *_: Any) -> None:
        if self._following:
            return
        self._following = True
        try:
            self._offer(None)
        finally:
            self._following = False
        if not self.column.value:
            self._state.select_where("")

    def _narrow(self, *_: Any) -> None:
        if self._following or not self.column.value:
            return
        if self.values.visible:
            wanted = (
                ColumnFilter(self.column.value, values=tuple(self.values.value))
                if self.values.value
                else None
            )
        else:
            low, high = map(float, self.range.value)
            wanted = ColumnFilter(self.column.value, low, high)
        try:
            self._state.select_where("" if wanted is None else str(wanted))
        except InputError as error:
            self._state.select(None)
            self._state.warn(str(error))
