"""Registry of tabs: a tab is one folder with a function ``build_tab``, and one entry here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import panel as pn

from daexplore.app.core.session import Session
from daexplore.app.dial_setting import Dial, parse_dial
from daexplore.app.state import ExplorerState
from daexplore.app.url_parameter import UrlParameter
from daexplore.methods import METHODS

__all__ = ["TABS", "TabContext", "TabSpec", "TabView", "noop"]


@dataclass(frozen=True)
class TabContext:
    """What a tab is built with.

    Attributes:
        state: the user's choices.
        session: delivers slow results.
        visible: whether the tab is on screen; a hidden one need not follow the state.
        back: reads the runs folder again and opens the first tab.
    """

    state: ExplorerState
    session: Session
    visible: Callable[[], bool]
    back: Callable[[], None]


def noop() -> None:
    """For tabs with nothing to do when they are opened again."""


@dataclass(frozen=True)
class TabView:
    """A built tab.

    Attributes:
        view: its content.
        entered: called whenever the user comes back to it.
    """

    view: pn.viewable.Viewable
    entered: Callable[[], object] = noop


@dataclass(frozen=True)
class TabSpec:
    """An item of the menu.

    Attributes:
        name: in the menu, and in the address as ``room``.
        module: imported when the tab is first opened; its ``build_tab`` takes a ``TabContext`` and
            returns a ``TabView``.
        terms: entries of the glossary that are listed below the tab.
        shared_controls: whether runs, epoch, threshold and the headline are above it.
        url: parameters of the address that this tab adds.
    """

    name: str
    module: str
    terms: tuple[str, ...]
    shared_controls: bool = True
    url: tuple[UrlParameter, ...] = ()

    def build_tab(self, context: TabContext) -> TabView:
        """Import the tab and build it."""
        tab: TabView = import_module(self.module).build_tab(context)
        return tab


_SHARED = (
    "source",
    "target",
    "oracle",
    "threshold",
    "selected epoch",
    "seed noise",
    "95% interval",
)

TABS = (
    TabSpec(
        "Compare",
        "daexplore.app.tabs.compare.tab",
        (
            "margin plane",
            "PCA",
            "UMAP",
            "AlignedUMAP",
            "witness",
            "domain probe AUC",
            "latent",
            "nearest in the latent",
            "Grad-CAM",
            "IoU",
            "accuracy",
            "AUC",
            "recall",
            "noDA",
            "MMD",
            "DANN",
            *_SHARED,
        ),
    ),
    TabSpec(
        "Flips",
        "daexplore.app.tabs.flips.tab",
        (
            "flips",
            "seed",
            "margin",
            *_SHARED,
        ),
    ),
    TabSpec(
        "Performance",
        "daexplore.app.tabs.performance.tab",
        (
            "ROC",
            "AUC",
            "precision-recall curve",
            "confusion matrix",
            "calibration",
            "reliability diagram",
            "temperature scaling",
            "ECE",
            "Brier score",
            "NLL",
            "slice",
            "risk-coverage curve",
            "AURC",
            "accuracy",
            "precision",
            "recall",
            "F1",
            *_SHARED,
        ),
    ),
    TabSpec(
        "Domain distance",
        "daexplore.app.tabs.distance.tab",
        (
            "MMD²",
            "null band",
            "class-conditional MMD²",
            "domain probe AUC",
            "proxy A-distance",
            "witness",
            "negative transfer",
            "accuracy",
            "latent",
            *_SHARED,
        ),
    ),
    TabSpec(
        "What-if",
        "daexplore.app.tabs.whatif.tab",
        (
            "PSF",
            "depth",
            "pixel scale",
            "redshift",
            "margin plane",
            "Grad-CAM",
            "latent",
            *_SHARED[:4],
        ),
        url=(
            UrlParameter(
                "dial",
                lambda state: None if state.dial == Dial() else str(state.dial),
                lambda state, text: state.show(dial=parse_dial(text)),
            ),
        ),
    ),
    TabSpec(
        "Data",
        "daexplore.app.tabs.data.tab",
        (
            "source",
            "target",
            "band",
            "PSF",
            "pixel scale",
            "depth",
            "stretch",
            "normalisation",
            "background",
            "domain probe AUC",
        ),
        shared_controls=False,
    ),
    TabSpec(
        "Train",
        "daexplore.app.tabs.train.tab",
        (
            *(
                "oracle run" if name == "oracle" else method.label
                for name, method in METHODS.items()
            ),
            "MMD²",
            "latent",
            "accuracy",
            *_SHARED[:3],
        ),
        shared_controls=False,
    ),
    TabSpec(
        "Runs",
        "daexplore.app.tabs.runs.tab",
        (
            "seed",
            "selected epoch",
            "accuracy",
            "AUC",
            "oracle",
            "transfer",
            "weight λ",
        ),
        shared_controls=False,
    ),
)
"""In the order of the menu."""
