"""What holds for the whole page: which runs, which epoch, which threshold."""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.guard import guarded
from daexplore.app.state import MAX_RUNS, ExplorerState

__all__ = ["controls"]

# The control's own padding is made for touch; on a page of plots every line counts.
_LOW = {"& .MuiSelect-select": {"paddingTop": "5px", "paddingBottom": "5px", "minHeight": "28px"}, "& .MuiChip-root": {"margin": "1px 2px"}}


def controls(state: ExplorerState) -> pn.viewable.Viewable:
    """The bar above all tabs."""
    return pn.Row(
        _runs(state),
        *_epoch(state),
        _threshold(state),
        sizing_mode="stretch_width",
        margin=0,
        styles={"gap": "28px"},
        align="center",
    )


def _runs(state: ExplorerState) -> pn.viewable.Viewable:
    choice = pmui.MultiChoice(
        label="Runs", max_items=MAX_RUNS, chip=True, solid=False, sizing_mode="stretch_width", margin=(6, 0, 0, 0), sx=_LOW
    )

    def follow(*_: Any) -> None:
        choice.param.update(options={state.label(run): run.id for run in state.usable}, value=list(state.run_ids))

    def choose(event: Any) -> None:
        if event.new != state.run_ids:
            state.choose(event.new)

    follow()
    state.param.watch(guarded(state, follow), ["revision", "run_ids"])
    choice.param.watch(guarded(state, choose), "value")
    return choice


def _epoch(state: ExplorerState) -> tuple[pn.viewable.Viewable, pn.viewable.Viewable]:
    slider = pmui.IntSlider(label="Epoch", start=0, end=1, width=230, margin=(4, 0, 0, 0), size="small")
    own = pmui.Checkbox(label="selected epochs", size="small", margin=(14, 0, 0, -12))

    def follow(*_: Any) -> None:
        epochs = state.epochs or [0, 1]
        shown = max((state.epoch_of(run) for run in state.runs), default=epochs[0])
        value = shown if state.epoch is None else min(max(state.epoch, epochs[0]), epochs[-1])
        slider.param.update(start=epochs[0], end=max(epochs[-1], epochs[0] + 1), value=value, disabled=len(epochs) < 2)
        own.value = state.epoch is None

    def move(event: Any) -> None:
        shown = max((state.epoch_of(run) for run in state.runs), default=None)
        if event.new != (shown if state.epoch is None else state.epoch):
            state.epoch = event.new

    def choose(event: Any) -> None:
        if event.new != (state.epoch is None):
            state.epoch = None if event.new else slider.value

    follow()
    state.param.watch(guarded(state, follow), ["revision", "run_ids", "epoch"])
    slider.param.watch(guarded(state, move), "value")
    own.param.watch(guarded(state, choose), "value")
    return slider, own


def _threshold(state: ExplorerState) -> pn.viewable.Viewable:
    return pmui.FloatSlider.from_param(state.param.threshold, label="Threshold", step=0.01, width=230, margin=(4, 0, 0, 0), size="small")
