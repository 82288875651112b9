"""What a visitor looks at, without a browser: runs, epochs, address, geometry, numbers."""

import math
from pathlib import Path

import numpy as np
import pytest
from factories import make_run
from sklearn.metrics import accuracy_score, roc_auc_score

from daexplore.app.core.cache import LRUCache
from daexplore.app.default_runs import default_runs
from daexplore.app.dial_setting import Dial
from daexplore.app.headline import line as sentence_module
from daexplore.app.headline.text import headline
from daexplore.app.latents import view as scene_module
from daexplore.app.latents.plot_geometry import inside_polygon, nearest_on_screen
from daexplore.app.latents.view import scene
from daexplore.app.results.metrics import scores
from daexplore.app.results.seed_variability import seed_flip_rate
from daexplore.app.state import ExplorerState
from daexplore.app.url import URL_STATE, apply_query, to_query
from daexplore.errors import InputError
from daexplore.runs import Run, RunWriter
from daexplore.runs.selections import Selections


@pytest.fixture
def trio(tmp_path: Path) -> tuple[Path, list[Run]]:
    runs = [
        make_run(tmp_path / "runs", method, n=240, epochs=epochs)
        for method, epochs in (("dann", 5), ("noda", 3), ("mmd", 4))
    ]
    return tmp_path / "runs", [runs[1], runs[2], runs[0]]


def add_epoch(run: Run, epoch: int) -> None:
    writer = RunWriter.open(run.path)
    found, (weight, bias) = run.evaluation(1), run.head(1)
    writer.write_weights(epoch, {"head.weight": weight, "head.bias": bias})
    writer.write_evaluation(epoch, found.sample_ids, found.logits, found.latents)


def test_opens_with_the_latest_of_each_method_in_their_usual_order(
    trio: tuple[Path, list[Run]],
) -> None:
    root, runs = trio
    assert ExplorerState(root).run_ids == [run.id for run in runs]
    assert default_runs([]) == []


def test_runs_on_other_galaxies_do_not_join_the_default(trio: tuple[Path, list[Run]]) -> None:
    root, _ = trio
    other = make_run(root, "mmd", seed=1, n=240)
    RunWriter.open(other.path).update(
        data={domain: {"fingerprint": "f" * 16} for domain in ("source", "target")},
        created="2999-01-01T00:00:00Z",
    )
    assert ExplorerState(root).run_ids == [other.id]


def test_an_empty_folder_and_one_that_does_not_exist_have_nothing_to_show(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        state = ExplorerState(root)
        assert (state.runs, state.damaged, state.epochs) == ([], [], [])
        assert not state.refresh()


def test_each_run_clips_the_epoch_to_what_it_has(trio: tuple[Path, list[Run]]) -> None:
    root, runs = trio
    state = ExplorerState(root)
    assert [state.epoch_of(run) for run in runs] == [run.selected_epoch for run in runs]
    assert state.epochs == [1, 2, 3, 4, 5]
    state.show(epoch=4)
    assert [state.epoch_of(run) for run in runs] == [3, 4, 4]
    state.show(epoch=0)
    assert [state.epoch_of(run) for run in runs] == [1, 1, 1]


def test_new_epochs_are_followed_only_from_the_end_of_the_slider(
    trio: tuple[Path, list[Run]],
) -> None:
    root, runs = trio
    at_end, earlier = ExplorerState(root), ExplorerState(root)
    at_end.show(epoch=5)
    earlier.show(epoch=4)
    add_epoch(runs[2], 6)
    before = at_end.progress
    assert at_end.refresh()
    assert earlier.refresh()
    assert (at_end.epoch, earlier.epoch) == (6, 4)
    assert at_end.progress == before + 1
    assert not at_end.refresh()


def test_new_runs_join_a_page_with_room_but_never_one_whose_runs_were_chosen(
    tmp_path: Path,
) -> None:
    first = make_run(tmp_path, "mmd", n=240)
    waiting, chosen = ExplorerState(tmp_path), ExplorerState(tmp_path)
    chosen.set_runs([first.id])
    second = make_run(tmp_path, "noda", n=240)
    assert waiting.refresh()
    assert chosen.refresh()
    assert waiting.run_ids == [second.id, first.id]
    assert chosen.run_ids == [first.id]


def test_choosing_unknown_or_too_many_runs_says_so(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "mmd", seed=seed, n=240, epochs=1) for seed in range(5)]
    state = ExplorerState(tmp_path)
    state.set_runs([runs[0].id, "gone"])
    assert state.run_ids == [runs[0].id]
    assert "gone" in state.alert
    state.set_runs([run.id for run in runs])
    assert state.run_ids == [run.id for run in runs[:4]]
    assert "first 4" in state.alert


def test_sessions_share_nothing_that_changes(trio: tuple[Path, list[Run]]) -> None:
    one, other = ExplorerState(trio[0]), ExplorerState(trio[0])
    one.show(epoch=2, threshold=0.7, view="pca")
    one.select_galaxy("source/G00001-0")
    one.select(frozenset({"a"}))
    one.set_runs(one.run_ids[:1])
    assert (other.epoch, other.threshold, other.galaxy, other.selection, other.view) == (
        None,
        0.5,
        None,
        None,
        "plane",
    )
    assert len(other.run_ids) == 3


def test_labels_tell_runs_of_one_method_and_seed_apart(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "mmd", n=240, epochs=1) for _ in range(2)]
    state = ExplorerState(tmp_path)
    assert len({state.label(run) for run in runs}) == 2


def test_a_damaged_run_does_not_hide_the_others(trio: tuple[Path, list[Run]]) -> None:
    root, _ = trio
    state = ExplorerState(root)
    (root / "20200101T000000-mmd-torn0000").mkdir()
    (root / "20200101T000000-mmd-torn0000" / "run.json").write_text("{")
    assert state.refresh()
    assert len(state.runs) == 3
    assert [path.name for path, _ in state.damaged] == ["20200101T000000-mmd-torn0000"]


def test_address_there_and_back(trio: tuple[Path, list[Run]]) -> None:
    root, runs = trio
    state, copy = ExplorerState(root), ExplorerState(root)
    assert to_query(state) == {}
    state.set_runs([runs[2].id, runs[0].id])
    state.show(epoch=2, view="umap", threshold=0.65, split="validation")
    state.select_galaxy("target/G00007-0")
    state.open_tab("Performance")
    state.show(
        domains="target", colour="column:mass_ratio", pair=(1, 0), dial=Dial("psf", 0.25, 7, 32)
    )
    state.select_where("mass_ratio:0.3..0.6")
    apply_query(copy, to_query(state))
    for name in URL_STATE:
        assert getattr(copy, name) == getattr(state, name)
    assert copy.selection == state.selection
    assert copy.alert == ""


def test_a_saved_selection_comes_back_by_its_name(trio: tuple[Path, list[Run]]) -> None:
    root, _ = trio
    state, copy = ExplorerState(root), ExplorerState(root)
    Selections(root).save("broken by MMD", ["target/G00007-0", "target/G00009-0"])
    state.select_named("broken by MMD")
    apply_query(copy, to_query(state))
    assert copy.selection == frozenset(["target/G00007-0", "target/G00009-0"])
    copy.select(frozenset(["target/G00007-0"]))
    assert to_query(copy) == {}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"epoch": "last"}, "'last'"),
        ({"view": "tsne"}, "'tsne'"),
        ({"threshold": "2"}, "'2'"),
        ({"threshold": "nan"}, "'nan'"),
        ({"runs": "x"}, "'x'"),
        ({"epoch": "9" * 5000}, "whole number"),
        ({"room": "<b>"}, "Compare, "),
        ({"split": "train"}, "test, validation"),
        ({"domains": "all"}, "both, source, target"),
        ({"colour": "column:none"}, "column:mass_ratio"),
        ({"pair": "0,7"}, "from 0 to 1"),
        ({"where": "mass_ratio"}, "column:low..high"),
        ({"where": "mass_ratio:5..6"}, "wider range"),
        ({"where": "none:0..1"}, "'none'"),
        ({"dial": "focus"}, "psf, depth, pixel, redshift"),
        ({"dial": "psf:wide"}, "'psf:wide'"),
        ({"dial": "depth:nan"}, "'depth:nan'"),
        ({"dial": "depth:2:0:9"}, "1, 8, 32 draws"),
        ({"dial": "depth:2:-1"}, "from 0 to 999"),
        ({"dial": "depth:2:0:8:9"}, "dial:level:seed:draws"),
        ({"selection": "../../etc"}, "'../../etc'"),
        ({"selection": "never saved"}, "never saved"),
    ],
)
def test_an_address_with_a_mistake_says_which(
    trio: tuple[Path, list[Run]], query: dict[str, str], said: str
) -> None:
    state = ExplorerState(trio[0])
    apply_query(state, query | {"galaxy": "source/G00001-0"})
    assert said in state.alert
    assert (state.galaxy, state.view, state.threshold, state.epoch, state.dial) == (
        "source/G00001-0",
        "plane",
        0.5,
        None,
        Dial(),
    )


def test_inside_polygon_agrees_with_half_planes_and_the_even_odd_rule() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1.2, 1.2, (2, 4000))
    angles = np.linspace(0, 2 * np.pi, 9)[:-1]
    octagon = np.cos(angles), np.sin(angles)
    inside = np.all(
        [
            x * math.cos(a + np.pi / 8) + y * math.sin(a + np.pi / 8) < math.cos(np.pi / 8)
            for a in angles
        ],
        axis=0,
    )
    assert np.array_equal(inside_polygon(x, y, *octagon), inside)
    # A pentagram's middle is gone round twice: outside by the even-odd rule.
    star = 2 * np.pi * np.array([0, 2, 4, 1, 3]) / 5
    assert inside_polygon(
        np.array([0.0, 0.8]), np.array([0.0, 0.0]), np.cos(star), np.sin(star)
    ).tolist() == [False, True]
    assert not inside_polygon(x, y, [0, 1], [0, 1]).any()


def test_outlines_that_share_an_edge_share_no_point() -> None:
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(5.0), np.arange(5.0)))
    left = inside_polygon(x, y, [0, 2, 2, 0], [0, 0, 4, 4])
    right = inside_polygon(x, y, [2, 4, 4, 2], [0, 0, 4, 4])
    assert not (left & right).any()
    assert (left | right).sum() == 16


def test_nearest_is_nearest_on_the_screen_and_within_reach() -> None:
    x, y = np.array([0.0, 1.0, np.nan]), np.array([1.0, 0.0, 0.0])
    assert nearest_on_screen(x, y, (0.0, 0.0), (30.0, 10.0)) == 0
    assert nearest_on_screen(x, y, (0.0, 0.0), (10.0, 30.0)) == 1
    assert nearest_on_screen(x, y, (0.0, 0.0), (100.0, 100.0)) is None
    assert nearest_on_screen(np.zeros(0), np.zeros(0), (0.0, 0.0), (1.0, 1.0)) is None


def test_pair_probability_is_the_softmax_of_the_pair(tmp_path: Path) -> None:
    run = make_run(tmp_path, "noda", n=240, epochs=1, classes=("spiral", "elliptical", "merger"))
    found = run.evaluation()
    both = found.probabilities[:, [2, 0]]
    np.testing.assert_allclose(found.pair_probability((2, 0)), both[:, 1] / both.sum(axis=1))


def test_panels_draw_the_same_galaxies_in_the_same_order_and_say_how_many_of_how_many(
    trio: tuple[Path, list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ExplorerState(trio[0])
    whole = [scene(state, run) for run in state.runs]
    assert [len(shown.rows) for shown in whole] == [shown.total for shown in whole]
    assert whole[0].total == int((whole[0].evaluation.split == "test").sum())
    monkeypatch.setattr(scene_module, "MAX_POINTS", 50)
    drawn = [scene(state, run) for run in state.runs]
    ids = [shown.evaluation.sample_ids[shown.rows].tolist() for shown in drawn]
    assert ids[0] == ids[1] == ids[2]
    assert (len(ids[0]), drawn[0].total) == (50, whole[0].total)
    state.show(epoch=1)
    again = scene(state, state.runs[0])
    assert again.evaluation.sample_ids[again.rows].tolist() == ids[0]


def test_a_galaxy_and_its_twin_in_the_other_domain(trio: tuple[Path, list[Run]]) -> None:
    state = ExplorerState(trio[0])
    shown = scene(state, state.runs[0])
    row = shown.row_of(str(shown.evaluation.sample_ids[3]))
    assert row == 3
    twin = shown.counterpart_of(row)
    assert twin is not None
    source, target = sorted(str(shown.evaluation.sample_ids[i]) for i in (row, twin))
    assert source.replace("source/", "target/") == target
    assert shown.row_of("nobody") is None


def test_boundary_is_where_the_probability_is_the_threshold(trio: tuple[Path, list[Run]]) -> None:
    state = ExplorerState(trio[0])
    shown = scene(state, state.runs[1])
    place = shown.coordinates.threshold_x
    assert place is not None
    for threshold in (0.2, 0.5, 0.9):
        called = shown.probability > threshold
        assert (shown.coordinates.x[called] >= place(threshold) - 1e-5).all()
        assert (shown.coordinates.x[~called] <= place(threshold) + 1e-5).all()


def test_numbers_of_a_selection_at_a_threshold_equal_scikit_learn(
    trio: tuple[Path, list[Run]],
) -> None:
    state = ExplorerState(trio[0])
    state.show(threshold=0.8, epoch=1)
    shown = scene(state, state.runs[0])
    found = shown.evaluation
    chosen = np.flatnonzero(found.mask("target", "test"))[:40]
    ids = frozenset(map(str, found.sample_ids[chosen])) | frozenset(
        map(str, found.sample_ids[found.mask("source", "validation")])
    )
    score = {score.domain: score for score in scores(state, [shown], ids)}
    assert (score["source"].n, score["source"].metrics) == (0, {})
    assert score["target"].n == 40
    metrics = score["target"].metrics
    probability = found.probabilities[chosen, 1]
    assert metrics["accuracy"]["value"] == pytest.approx(
        accuracy_score(found.labels[chosen], probability > 0.8)
    )
    assert metrics["auc"]["value"] == pytest.approx(
        roc_auc_score(found.labels[chosen], probability)
    )
    assert metrics["accuracy"]["low"] <= metrics["accuracy"]["value"] <= metrics["accuracy"]["high"]


def test_headline_counts_what_the_second_run_mends_and_breaks(trio: tuple[Path, list[Run]]) -> None:
    state = ExplorerState(trio[0])
    state.set_runs([run.id for run in trio[1][:2]])
    scenes = [scene(state, run) for run in state.runs]
    right = []
    for shown in scenes:
        target = shown.evaluation.mask("target", "test")
        right.append((shown.evaluation.predicted == shown.evaluation.labels)[target])
    fixed, broken = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    sentence = headline(state, scenes)
    assert f"<b>{fixed}</b> fixed, <b>{broken}</b> broken" in sentence
    assert f"On {len(right[0])} held-out target galaxies" in sentence
    assert f"<b>{100 * right[0].mean():.1f}%</b>" in sentence
    assert "oracle" in sentence


def test_a_run_without_an_evaluation_is_refused_in_words(tmp_path: Path) -> None:
    run = make_run(tmp_path, "noda", n=240, epochs=0)
    state = ExplorerState(tmp_path)
    assert state.evaluated_runs == []
    with pytest.raises(InputError, match="no evaluated epoch"):
        state.epoch_of(run)


def test_memo_is_bounded_and_forgets_the_one_used_longest_ago() -> None:
    made: list[int] = []
    memo: LRUCache[int] = LRUCache(2)

    def make(value: int) -> int:
        made.append(value)
        return value

    for key in (1, 2, 1, 3, 1, 2):
        assert memo.get(key, lambda key=key: make(key)) == key
    assert made == [1, 2, 3, 2]
    assert memo.peek(3) is None


def test_a_still_state_stays_as_it_was_and_what_a_thread_computes_from_it_is_kept_as_that(
    trio: tuple[Path, list[Run]],
) -> None:
    state = ExplorerState(trio[0])
    taken, shown, before = state.snapshot(), [run.id for run in state.runs], state.threshold
    state.show(threshold=0.83, split="validation")
    state.select_galaxy("source/G00001-0")
    state.set_runs(shown[:1])
    assert (taken.threshold, taken.split, taken.galaxy, [run.id for run in taken.runs]) == (
        before,
        "test",
        None,
        shown,
    )
    taken.show(threshold=0.2)
    assert state.threshold == 0.83
    taken.show(threshold=before)
    # The visitor has moved on while the thread was at work: its sentence is about what was on
    # screen, and kept under that alone.
    found = sentence_module.computed_headline(taken)
    assert found == headline(
        taken, [scene(taken, run) for run in taken.runs], seed_flip_rate(taken)
    )
    assert sentence_module.cached_headline(state) == ""
    state.show(threshold=before, split="test")
    state.set_runs(shown)
    assert sentence_module.cached_headline(state) == found
