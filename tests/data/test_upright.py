"""FITS images have their first row at the bottom of every picture, and pictures at the top."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from PIL import Image

from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
from daexplore.data import describe
from daexplore.data.contact_sheet import contact_sheet
from daexplore.data.ingest import ingest
from daexplore.data.readers import read_galaxies
from daexplore.data.rgb import LOWER_LEFT, to_rgb, upright

N, SIZE = 16, 32


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same galaxies as FITS and as PNG: a bright band in the lower quarter of the sky."""
    root = tmp_path_factory.mktemp("sky")
    rng = np.random.default_rng(0)
    for kind in ("fits", "png"):
        (root / kind).mkdir()
    for row in range(N):
        sky = rng.integers(0, 20, (SIZE, SIZE)).astype(np.uint8)
        sky[: SIZE // 4] += 150
        fits.writeto(root / "fits" / f"{row:02d}.fits", sky.astype(np.float32))
        Image.fromarray(sky[::-1]).save(root / "png" / f"{row:02d}.png")
    names = pd.Series([f"{row:02d}" for row in range(N)], name="id")
    table = pd.DataFrame({"id": names, "label": ["ab"[row % 2] for row in range(N)]})
    for kind in ("fits", "png"):
        table.to_csv(root / kind / "catalogue.csv", index=False)
    return root


def bright_below(picture) -> bool:
    grey = np.asarray(picture, float)[..., :3].mean(-1)
    half = len(grey) // 2
    return grey[half:].mean() > 1.3 * grey[:half].mean()


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize("kind", ["fits", "png"])
def test_pixels_are_those_of_the_file_and_pictures_show_the_sky(folders, tmp_path, kind):
    galaxies = read_galaxies(folders / kind)
    first_row = np.asarray(galaxies.images[0, 0, 0]).mean()
    assert (first_row > 100) == (kind == "fits")
    stored = ingest(folders / kind, tmp_path / "set", workers=1)
    for each in (galaxies, stored):
        drawn = to_rgb(np.asarray(each.images[:3]), each.bands, origin=each.origin)
        assert all(bright_below(picture) for picture in drawn)
        sheet = np.asarray(contact_sheet(each, per_class=1, columns=1, size=64))
        assert bright_below(sheet[-64:, :64])
        shown = each._repr_html_()
        uri = shown.partition("data:image/png;base64,")[2].partition("'")[0]
        assert bright_below(opened(base64.b64decode(uri)))


def test_maps_turn_with_their_images():
    rows = np.arange(6.0)[:, None] * np.ones(4)
    np.testing.assert_array_equal(upright(rows, LOWER_LEFT)[:, 0], np.arange(6.0)[::-1])
    np.testing.assert_array_equal(upright(rows, "upper left"), rows)
    np.testing.assert_array_equal(upright(rows, None), rows)


@pytest.mark.slow
def test_a_run_of_fits_images_shows_them_upright(folders, tmp_path):
    from daexplore.app.components.galaxy_images import galaxy_image
    from daexplore.engine.training.train import train
    from daexplore.exports.galaxy_table import thumbnails

    path = str(folders / "fits")
    config = RunConfig(
        DataConfig(path, path),
        alignments=(AlignmentConfig("mmd"),),
        train=TrainConfig(epochs=1, batch_size=4, saliency_limit=4),
    )
    run = train(config, tmp_path / "runs")
    assert run.info["data"]["source"]["origin"] == LOWER_LEFT
    ids = run.samples.index[run.samples["domain"] == "target"].to_numpy(object)
    assert bright_below(galaxy_image(run, "target", ids[0]))
    [picture] = thumbnails(run, ids[:1], np.array(["target"], object), 64)
    assert bright_below(opened(picture))


def test_the_description_of_a_set_says_where_its_first_pixel_is(folders):
    assert describe(read_galaxies(folders / "fits"))["origin"] == LOWER_LEFT
    assert describe(read_galaxies(folders / "png"))["origin"] == "upper left"
