"""Smaller copies of runs: what is kept is the same, what is left out is said."""

from pathlib import Path

import numpy as np
import pytest
from factories import make_run

from daexplore.app.components.galaxy_images import cached_gradcam
from daexplore.app.latents.view import scene
from daexplore.app.results.opening_galaxy import opening_galaxy
from daexplore.app.state import EXAMPLES, ExplorerState
from daexplore.data import load_images
from daexplore.data.simulate import PRESETS, simulate
from daexplore.engine.explanation.gradcam import gradcam_map
from daexplore.engine.inference import load_network
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.runs.archive.subset import sample_of, subset


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("whole"), "mmd", n=240, epochs=4)


@pytest.fixture
def copy(whole: Run, tmp_path: Path) -> Run:
    return subset(whole, tmp_path, {1, 4, whole.selected_epoch or 0}, sample_of(whole, 30, 10))


def test_a_sample_is_as_large_as_asked_and_whole_galaxies(whole: Run) -> None:
    kept = whole.samples.loc[sample_of(whole, 30, 10)]
    assert kept.groupby(["domain", "split"]).size().to_dict() == {
        (domain, split): count
        for domain in ("source", "target")
        for split, count in (("test", 30), ("validation", 10))
    }
    assert set(kept.loc[kept["domain"] == "source", "group_id"]) == set(
        kept.loc[kept["domain"] == "target", "group_id"]
    )


def test_what_is_kept_is_the_same(whole: Run, copy: Run) -> None:
    for epoch in copy.evaluated:
        before, after = whole.evaluation(epoch), copy.evaluation(epoch)
        rows = [before.row_by_id[name] for name in after.sample_ids]
        np.testing.assert_array_equal(after.latents, before.latents[rows])
        np.testing.assert_array_equal(after.logits, before.logits[rows])
        for kept, known in zip(copy.head(epoch), whole.head(epoch), strict=True):
            np.testing.assert_array_equal(kept, known)
    assert copy.config == whole.config
    assert copy.selected_epoch == whole.selected_epoch
    copy.check()


def test_what_is_left_out_is_said(whole: Run, copy: Run) -> None:
    assert copy.info["thinned"]["galaxies"] == 80
    assert copy.info["thinned"]["of"] == len(whole.samples)
    assert copy.info["thinned"]["evaluated"] == whole.evaluated
    other = next(epoch for epoch in copy.evaluated if epoch != copy.selected_epoch)
    with pytest.raises(InputError, match=f"keeps the network of epoch {copy.selected_epoch} only"):
        load_network(copy, other)
    assert {about["path"] for about in copy.info["data"].values()} == {None}


def test_nothing_is_overwritten_and_no_draft_stays(whole: Run, copy: Run) -> None:
    with pytest.raises(InputError, match="exists already"):
        subset(whole, copy.path.parent, copy.evaluated, sample_of(whole, 30, 10))
    with pytest.raises(InputError, match="asked for"):
        subset(whole, copy.path.parent / "other", {1, 99}, sample_of(whole, 30, 10))
    assert [path.name for path in copy.path.parent.iterdir()] == [copy.id]


def test_examples_are_shown_until_the_folder_has_a_run(whole: Run, tmp_path: Path) -> None:
    state = ExplorerState(tmp_path / "runs", examples=whole.path.parent)
    assert state.example
    assert state.run_ids == [whole.id]
    state.select_galaxy("target/G00100-0")
    own = make_run(tmp_path / "runs", "noda", n=240, epochs=1)
    assert state.refresh()
    assert not state.example
    assert state.run_ids == [own.id]
    assert not ExplorerState(tmp_path / "none").example


def test_a_simulated_galaxy_that_is_not_on_the_machine_is_simulated_again_bit_by_bit() -> None:
    sets = simulate("distant", 8, workers=1)
    about = {
        "name": "target",
        "path": "/nowhere",
        "simulated": {"preset": "distant", "version": PRESETS["distant"].version, "seed": 0},
    }
    for domain, galaxies in zip(("source", "target"), sets, strict=True):
        ids = [str(name) for name in galaxies.sample_ids[[5, 2]]]
        pixels, bands = load_images(about, domain, ids)
        np.testing.assert_array_equal(pixels, galaxies.images[[5, 2]])
        assert bands == galaxies.bands
    with pytest.raises(InputError, match="not on this machine"):
        load_images(about | {"simulated": about["simulated"] | {"version": 0}}, "target", ids)
    with pytest.raises(InputError, match="not on this machine"):
        load_images({"name": "x", "path": "/nowhere"}, "target", ids)


def test_the_galaxy_that_the_explorer_opens_with_has_its_maps_at_hand() -> None:
    state = ExplorerState(EXAMPLES)
    state.set_runs(
        [
            run.id
            for method in ("noda", "mmd", "dann")
            for run in state.store.runs()
            if (run.method, run.seed) == (method, 0)
        ]
    )
    telling = opening_galaxy(state, [scene(state, run) for run in state.runs])
    assert telling is not None
    for run in state.runs:
        assert run.selected_epoch is not None
        stored = cached_gradcam(run, run.selected_epoch, telling.sample_id)
        assert stored is not None
        # They are what the network gives, not pictures put there.
        np.testing.assert_allclose(
            stored,
            gradcam_map(run.path, run.selected_epoch, telling.sample_id, "target"),
            rtol=1e-4,
            atol=1e-6,
        )
        saliency = run.saliency()
        assert saliency is not None
        domains = run.samples.loc[saliency.sample_ids.tolist(), "domain"].value_counts()
        assert domains["source"] == domains["target"] == len(saliency) / 2
