"""What the landing room adds to the panels, without a browser: hues, filters, walking, neighbours
and the first galaxy.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bokeh.core.properties import field
from factories import make_run
from sklearn.neighbors import NearestNeighbors

from daexplore.app.catalogue_columns import ColumnFilter, column_values, columns_of, parse_filter
from daexplore.app.components.keyboard import GalaxyNavigator
from daexplore.app.headline.text import headline
from daexplore.app.latents.colouring import paint
from daexplore.app.latents.plot import LatentPlot
from daexplore.app.latents.plot_geometry import new_ranges
from daexplore.app.latents.view import LatentView, scene
from daexplore.app.latents.witness import cached_witness, compute_witness
from daexplore.app.results.opening_galaxy import opening_galaxy
from daexplore.app.results.seed_variability import seed_flip_rate
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.compare.neighbours import nearest
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    for method in ("noda", "mmd"):
        make_run(folder, method, n=240, epochs=3)
    return folder


@pytest.fixture
def state(root: Path) -> ExplorerState:
    return ExplorerState(root)


def scenes_of(state: ExplorerState) -> list[LatentView]:
    return [scene(state, run) for run in state.runs]


def test_columns_that_tell_something_are_offered(state: ExplorerState) -> None:
    assert columns_of(state.runs) == ["mass_ratio"]
    assert columns_of([]) == []
    with pytest.raises(InputError, match="no column 'mass'; there are mass_ratio"):
        column_values(state.runs[0], np.array(["target/G00030-0"]), "mass")


@pytest.mark.parametrize("text", ["a:0.25..0.5", "a b:-1..inf", "star:True", "kind:E|S0|Irr"])
def test_a_filter_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_filter(text)) == text


@pytest.mark.parametrize("text", ["", "a", ":1..2", "a:", "a:2..1", "a:x..2", "a:nan..1"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"column:low\.\.high"):
        parse_filter(text)


def test_a_filter_agrees_with_pandas_and_never_takes_a_missing_value() -> None:
    numbers = pd.Series([0.1, 0.3, np.nan, 0.5, 0.7])
    assert ColumnFilter("a", 0.3, 0.5).mask(numbers).tolist() == numbers.between(0.3, 0.5).tolist()
    words = pd.Series(["E", None, "S0", "E"])
    assert ColumnFilter("kind", values=("E", "None")).mask(words).tolist() == [
        True,
        False,
        False,
        True,
    ]


def test_a_filter_selects_in_all_runs_what_pandas_selects(state: ExplorerState) -> None:
    state.select_where("mass_ratio:0.4..0.6")
    frame = state.runs[0].samples
    held = frame[frame["split"] != "train"]
    assert state.selection == frozenset(held.index[held["mass_ratio"].between(0.4, 0.6)])
    assert state.filter == "mass_ratio:0.4..0.6"
    state.select_where("")
    assert state.selection is None


def test_hues_of_a_column_are_one_scale_for_all_panels_and_grey_where_it_is_missing(
    state: ExplorerState,
) -> None:
    shown = scenes_of(state)
    samples = shown[0].run.samples
    first = str(shown[0].evaluation.sample_ids[shown[0].rows[0]])
    samples.loc[first, "mass_ratio"] = np.nan
    painted = paint(shown, "column:mass_ratio", cached_witness)
    assert painted.outlined
    values = samples["mass_ratio"].reindex(shown[0].evaluation.sample_ids[shown[0].rows]).to_numpy()
    assert painted.colours[0][0] == NEUTRAL
    largest = int(np.nanargmax(values))
    assert (
        painted.colours[0][largest]
        == painted.colours[1][largest]
        != painted.colours[0][int(np.nanargmin(values))]
    )
    assert "no value" in painted.legend
    assert len(set(painted.colours[0])) > 30


def test_categories_get_hues_with_their_names(state: ExplorerState) -> None:
    shown = scenes_of(state)
    for each in shown:
        each.run.samples["kind"] = np.where(each.run.samples["mass_ratio"] > 0.5, "<big>", "small")
    painted = paint(shown, "column:kind", cached_witness)
    big = (
        (shown[0].run.samples["kind"] == "<big>")
        .reindex(shown[0].evaluation.sample_ids[shown[0].rows])
        .to_numpy()
    )
    hues = np.array(painted.colours[0])
    assert len(set(hues[big])) == len(set(hues[~big])) == 1 != len(set(hues))
    assert "&lt;big&gt;" in painted.legend


def test_the_witness_is_grey_until_it_is_there_and_then_says_who_is_denser(
    state: ExplorerState,
) -> None:
    state.show(split="validation")
    shown = scenes_of(state)[:1]
    grey = paint(shown, "witness", cached_witness)
    assert set(grey.colours[0]) == {NEUTRAL}
    assert "computing" in grey.legend
    compute_witness(shown[0])
    values = cached_witness(shown[0])
    assert values is not None
    found = shown[0].evaluation
    inside = found.mask(split="validation")
    assert np.isnan(values[~inside]).all()
    # A naive double loop, in the units of the source's spread, the galaxy's own images left out.
    source, target = (
        np.flatnonzero(found.mask(domain, "validation")) for domain in ("source", "target")
    )
    unit = np.sqrt(
        ((found.latents[source] - found.latents[source].mean(axis=0)) ** 2).sum(axis=1).mean()
    )
    row = int(target[3])

    def mean_kernel(sample: np.ndarray) -> float:
        kept = [other for other in sample if found.group_ids[other] != found.group_ids[row]]
        squares = [
            ((found.latents[row] - found.latents[other]).astype(float) ** 2).sum() / unit**2
            for other in kept
        ]
        return float(
            np.mean(
                [np.mean([np.exp(-square / (2 * scale)) for scale in SCALES]) for square in squares]
            )
        )

    assert values[row] == pytest.approx(mean_kernel(source) - mean_kernel(target), abs=1e-5)
    painted = paint(shown, "witness", cached_witness)
    assert len(set(painted.colours[0])) > 20


def test_arrow_keys_walk_along_the_first_runs_probability(state: ExplorerState) -> None:
    shown, walk = scenes_of(state)[0], GalaxyNavigator()
    ids = shown.evaluation.sample_ids[shown.inside]
    expected = (
        pd.Series(shown.probability[shown.inside], ids).sort_values(kind="stable").index.tolist()
    )
    seen, galaxy = [], None
    for _ in range(len(expected) + 2):
        galaxy = walk.step(shown, None, galaxy, 1)
        seen.append(galaxy)
    assert seen == [*expected, expected[-1], expected[-1]]
    chosen = frozenset(expected[10:13])
    assert walk.step(shown, chosen, expected[11], -1) == expected[10]
    assert walk.step(shown, chosen, expected[5], 1) == expected[10]
    assert walk.step(shown, chosen, expected[40], -1) == expected[12]
    assert walk.step(shown, frozenset(), None, 1) is None


def test_neighbours_are_those_of_scikit_learn_without_the_galaxys_own_images(
    state: ExplorerState,
) -> None:
    shown = scenes_of(state)[0]
    found = shown.evaluation
    row = int(np.flatnonzero(shown.inside)[7])
    others = np.flatnonzero(shown.inside & (found.group_ids != found.group_ids[row]))
    search = NearestNeighbors(n_neighbors=5).fit(found.latents[others])
    expected = others[search.kneighbors(found.latents[row][None], return_distance=False)[0]]
    assert nearest(shown, row).tolist() == expected.tolist()


def test_the_first_galaxy_is_one_that_adaptation_mended_and_the_reason_says_of_how_many(
    state: ExplorerState,
) -> None:
    shown = scenes_of(state)
    told = opening_galaxy(state, shown)
    assert told is not None
    first, second = (each.evaluation for each in shown)
    mask = first.mask("target", "test")
    before, after = (np.diff(each.logits.astype(float), axis=1)[:, 0] for each in (first, second))
    frame = pd.DataFrame(
        {"label": first.labels, "before": before, "after": after}, first.sample_ids
    )[mask]
    mended = frame[
        ((frame["before"] > 0) != frame["label"]) & ((frame["after"] > 0) == frame["label"])
    ]
    assert told.sample_id == (mended["after"] - mended["before"]).abs().idxmax()
    assert (
        f"of {len(mended)} test target galaxies that noDA gets wrong and MMD right (oracle)"
        in told.galaxy_reason
    )
    assert opening_galaxy(state, []) is None


def test_a_galaxy_the_visitor_chose_loses_the_reason(state: ExplorerState) -> None:
    state.select_galaxy("target/G00030-0", "because")
    assert state.galaxy_reason == "because"
    state.select_galaxy("target/G00031-0")
    assert state.galaxy_reason == ""


def test_hues_of_the_domain_need_no_outline(state: ExplorerState) -> None:
    painted = paint(scenes_of(state), "domain", cached_witness)
    assert set(painted.colours[0]) == {DOMAIN_COLORS["source"], DOMAIN_COLORS["target"]}
    assert not painted.outlined


def test_a_galaxy_without_a_label_is_a_cross_that_is_seen(state: ExplorerState) -> None:
    shown = scenes_of(state)[0]
    panel = LatentPlot(new_ranges(), 0, lambda _: None, lambda _: None)
    [dots] = panel.figure.select({"name": "points"})
    panel.show(shown, 0.5, shown.domain_colours, outlined=False)
    assert dots.glyph.line_alpha == 0
    unknown = shown.evaluation.labels.copy()
    unknown[shown.rows[3]] = -1
    survey = replace(shown, evaluation=replace(shown.evaluation, labels=unknown))
    panel.show(survey, 0.5, survey.domain_colours, outlined=False)
    assert survey.markers[3] == "x"
    assert dots.glyph.line_alpha == field("alpha")


def test_the_noise_of_a_seed_is_the_mean_number_of_flips_between_seeds(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, method, seed=seed, n=240, epochs=2)
        for method, seed in (("noda", 0), ("noda", 1), ("noda", 2), ("mmd", 0))
    ]
    state = ExplorerState(tmp_path)
    assert {run.method for run in state.runs} == {"noda", "mmd"}
    frames = []
    for run in runs[:3]:
        found = run.evaluation()
        held = found.mask("target", "test")
        frames.append(
            pd.Series(found.predicted[held] == found.labels[held], found.sample_ids[held])
        )
    flips = [int((one != other).sum()) for i, one in enumerate(frames) for other in frames[i + 1 :]]
    noise = seed_flip_rate(state)
    assert noise is not None
    assert noise[0] == pytest.approx(np.mean(flips))
    assert noise[1] == 3
    assert f"seed-to-seed changes: {noise[0]:.0f}" in headline(state, scenes_of(state), noise)


def test_one_seed_has_no_noise_to_tell(state: ExplorerState) -> None:
    assert seed_flip_rate(state) is None
    assert "another seed" not in headline(state, scenes_of(state))
