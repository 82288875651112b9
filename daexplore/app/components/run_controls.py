"""Controls above the tabs: runs, epoch and threshold."""

import json
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.core.session import Session, bind, show_errors
from daexplore.app.latents.plot import AT_THRESHOLD, PLACES
from daexplore.app.state import MAX_RUNS, ExplorerState
from daexplore.utils.files import static_text

__all__ = ["controls"]

_STEP = 700  # [ms]

# The control's own padding is made for touch; on a page of plots every line counts.
_LOW = {
    "& .MuiSelect-select": {"paddingTop": "5px", "paddingBottom": "5px", "minHeight": "28px"},
    "& .MuiChip-root": {"margin": "1px 2px"},
}


def controls(state: ExplorerState, session: Session) -> pn.viewable.Viewable:
    """The bar above all tabs."""
    return pn.Row(
        _runs(state),
        *_epoch(state, session),
        _threshold(state),
        sizing_mode="stretch_width",
        margin=0,
        styles={"gap": "28px"},
        align="center",
    )


def _runs(state: ExplorerState) -> pn.viewable.Viewable:
    choice = pmui.MultiChoice(
        label="Runs",
        max_items=MAX_RUNS,
        chip=True,
        solid=False,
        sizing_mode="stretch_width",
        margin=(6, 0, 0, 0),
        sx=_LOW,
    )

    def follow(*_: Any) -> None:
        choice.param.update(
            options={state.label(run): run.id for run in state.evaluated_runs},
            value=list(state.run_ids),
        )

    def choose(event: Any) -> None:
        if event.new != state.run_ids:
            state.set_runs(event.new)

    follow()
    state.param.watch(show_errors(state, follow), ["revision", "run_ids"])
    choice.param.watch(show_errors(state, choose), "value")
    return choice


def _epoch(state: ExplorerState, session: Session) -> tuple[pn.viewable.Viewable, ...]:
    slider = pmui.IntSlider(
        label="Epoch", start=0, end=1, width=230, margin=(4, 0, 0, 0), size="small"
    )
    own = pmui.Checkbox(label="selected epochs", size="small", margin=(14, 0, 0, -12))

    def follow(*_: Any) -> None:
        epochs = state.epochs or [0, 1]
        shown = max((state.epoch_of(run) for run in state.runs), default=epochs[0])
        value = shown if state.epoch is None else min(max(state.epoch, epochs[0]), epochs[-1])
        slider.param.update(
            start=epochs[0],
            end=max(epochs[-1], epochs[0] + 1),
            value=value,
            disabled=len(epochs) < 2,
        )
        own.value = state.epoch is None

    def move(event: Any) -> None:
        shown = max((state.epoch_of(run) for run in state.runs), default=None)
        if event.new != (shown if state.epoch is None else state.epoch):
            state.show(epoch=event.new)

    def choose(event: Any) -> None:
        if event.new != (state.epoch is None):
            state.show(epoch=None if event.new else slider.value)

    follow()
    state.param.watch(show_errors(state, follow), ["revision", "run_ids", "epoch"])
    slider.param.watch(show_errors(state, move), "value")
    own.param.watch(show_errors(state, choose), "value")
    play = pmui.IconButton(
        icon="play_arrow", size="small", margin=(10, -6, 0, 0), description="Play the epochs"
    )

    def step() -> None:
        epochs = state.epochs
        later = [
            epoch
            for epoch in epochs
            if epoch > (slider.value if state.epoch is None else state.epoch)
        ]
        if later:
            state.show(epoch=later[0])
        if len(later) < 2:
            stop()

    clock = session.clock(_STEP, show_errors(state, step))

    def stop() -> None:
        clock.stop()
        play.param.update(icon="play_arrow", description="Play the epochs")

    def press(*_: Any) -> None:
        if clock.running:
            stop()
            return
        if state.epochs and (state.epoch is None or state.epoch >= state.epochs[-1]):
            state.show(epoch=state.epochs[0])
        play.param.update(icon="pause", description="Pause")
        clock.start()

    play.on_click(show_errors(state, press))
    return play, _prompt(slider), own


def _threshold(state: ExplorerState) -> pn.viewable.Viewable:
    low, high = state.param.threshold.bounds
    slider = pmui.FloatSlider(
        label="Threshold",
        start=low,
        end=high,
        step=0.01,
        width=230,
        margin=(4, 0, 0, 0),
        size="small",
    )
    bind(slider, state, "threshold")
    # The page itself moves the boundary while it is dragged; everything else follows from the
    # server.
    slider.jscallback(value=_FOLLOW)
    return _prompt(slider)


def _prompt(slider: Any) -> Any:
    """Send a value to the server at once, where Panel would wait for further ones: each is
    cheap here.
    """
    slider._priority_changes = ["value"]
    return slider


_FOLLOW = f"const AT_THRESHOLD = {json.dumps(AT_THRESHOLD)}, PLACES = {PLACES};\n" + static_text(
    "app", "threshold_drag.js"
)
