"""Galaxies of a listing become one set: declared before read, by name before by position, and
nothing odd gets in unseen.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from daexplore.config import ReadConfig
from daexplore.data.readers.listing import Cutout, Listing, Rejected
from daexplore.data.readers.load import decide_frame, fit_to_format, load_all
from daexplore.errors import InputError

GRI = ("g", "r", "i")


@dataclass(frozen=True, eq=False)
class Stamps:
    """A reader's ``load`` over stamps that are there already; text stands for a galaxy that cannot
    be read.
    """

    stamps: tuple[Cutout | str, ...]

    def __call__(self, row: int) -> Cutout:
        stamp = self.stamps[row]
        if isinstance(stamp, str):
            raise InputError(stamp)
        return stamp


def stamp(seed=0, shape=(3, 8, 6), bands=GRI, **more):
    return Cutout(np.random.default_rng(seed).normal(size=shape).astype(np.float32), bands, **more)


def listing(*stamps, aside=(), **provenance):
    n = len(stamps)
    catalogue = pd.DataFrame(
        {
            "sample_id": [f"set/{i}" for i in range(n)],
            "group_id": [f"set/{i}" for i in range(n)],
            "label": pd.array([i % 2 for i in range(n)], dtype="Int64"),
            "redshift": np.linspace(0, 1, n),
        }
    )
    return Listing(
        catalogue, Stamps(stamps), ("a", "b"), "set", {"path": "there"} | provenance, tuple(aside)
    )


def test_pixels_bands_and_what_files_say_arrive():
    stamps = [stamp(i, pixel_scale=0.2, flux_scale=(1.0, 2.0, 3.0)) for i in range(5)]
    galaxies = load_all(listing(*stamps), ReadConfig(psf_fwhm=(1.2, 1.1, 1.0)))
    np.testing.assert_array_equal(galaxies.images, np.stack([one.pixels for one in stamps]))
    assert galaxies.images.dtype == np.float32
    assert (galaxies.bands, galaxies.pixel_scale, galaxies.flux_scale) == (
        GRI,
        0.2,
        (1.0, 2.0, 3.0),
    )
    assert (galaxies.psf_fwhm, galaxies.classes, galaxies.name) == (
        (1.2, 1.1, 1.0),
        ("a", "b"),
        "set",
    )
    assert list(galaxies.catalogue) == ["sample_id", "group_id", "label", "redshift"]
    assert galaxies.labels.tolist() == [0, 1, 0, 1, 0]


def test_bands_go_by_their_names_whatever_their_order():
    straight = stamp(0, flux_scale=(1.0, 2.0, 3.0), psf_fwhm=(1.3, 1.2, 1.1))
    turned = stamp(1, bands=("i", "g", "r"), flux_scale=(3.0, 1.0, 2.0), psf_fwhm=(1.1, 1.3, 1.2))
    galaxies = load_all(listing(straight, straight, turned), ReadConfig())
    np.testing.assert_array_equal(galaxies.images[2], turned.pixels[[1, 2, 0]])
    assert galaxies.flux_scale == (1.0, 2.0, 3.0)
    assert galaxies.psf_fwhm == (1.3, 1.2, 1.1)


def test_declared_bands_choose_and_order_the_bands_that_files_name():
    galaxies = load_all(listing(stamp(0), stamp(1)), ReadConfig(bands=("i", "g")))
    np.testing.assert_array_equal(galaxies.images[1], stamp(1).pixels[[2, 0]])
    assert galaxies.bands == ("i", "g")


@pytest.mark.parametrize("bands", [None, ("1", "2", "3")])
def test_declared_bands_name_the_channels_of_files_that_do_not(bands):
    galaxies = load_all(listing(stamp(0, bands=bands)), ReadConfig(bands=GRI))
    np.testing.assert_array_equal(galaxies.images[0], stamp(0).pixels)
    assert galaxies.bands == GRI


def test_channels_without_names_are_numbered():
    assert load_all(listing(stamp(bands=None)), ReadConfig()).bands == (
        "channel 0",
        "channel 1",
        "channel 2",
    )


def test_what_is_declared_goes_before_what_files_say():
    galaxies = load_all(
        listing(stamp(0, pixel_scale=0.2, flux_scale=(1.0,) * 3), stamp(1, pixel_scale=9.0)),
        ReadConfig(pixel_scale=0.5, zero_points=(31.4, 28.9, 22.5)),
    )
    assert galaxies.pixel_scale == 0.5
    # 1 nJy has 31.4 mag, up to the rounding of that constant; 22.5 mag are one nanomaggy, 3631 nJy
    np.testing.assert_allclose(galaxies.flux_scale, (1.0, 10.0, 3631.0), rtol=2e-4)
    np.testing.assert_array_equal(galaxies.images[1], stamp(1).pixels)


def test_a_differing_zero_point_is_brought_to_the_others():
    usual = [stamp(i, flux_scale=(2.0, 2.0, 2.0)) for i in range(3)]
    galaxies = load_all(listing(*usual, stamp(9, flux_scale=(4.0, 2.0, 1.0))), ReadConfig())
    assert galaxies.flux_scale == (2.0, 2.0, 2.0)
    np.testing.assert_array_equal(
        galaxies.images[3], stamp(9).pixels * np.float32([2, 1, 0.5])[:, None, None]
    )


def test_a_declared_size_crops_about_the_centre():
    galaxies = load_all(listing(stamp(0), stamp(1, shape=(3, 5, 9))), ReadConfig(size=4))
    np.testing.assert_array_equal(galaxies.images[0], stamp(0).pixels[:, 2:6, 1:5])
    np.testing.assert_array_equal(galaxies.images[1], stamp(1, shape=(3, 5, 9)).pixels[:, 0:4, 2:6])


def test_mended_pixels_are_counted_in_the_catalogue():
    holed = stamp(1)
    holed.pixels[0, 2, 3] = np.nan
    galaxies = load_all(listing(stamp(0), holed, stamp(2)), ReadConfig())
    assert galaxies.catalogue["bad_pixels"].tolist() == [0, 1 / holed.pixels.size, 0]
    galaxies.check_finite()
    with pytest.raises(
        InputError, match=r"1 of 3 galaxies cannot be used, first 'set/1'.*set/1: a share of"
    ):
        load_all(listing(stamp(0), holed, stamp(2)), ReadConfig(max_bad_pixels=0.001))


def test_columns_of_files_join_the_catalogue_but_do_not_replace_it():
    stamps = [
        stamp(
            0, columns={"redshift": 9.0, "at_edge": np.bool_(True), "seeing": np.float32(np.nan)}
        ),
        stamp(1),
    ]
    catalogue = load_all(listing(*stamps), ReadConfig()).catalogue
    assert catalogue["redshift"].tolist() == [0, 1]
    assert catalogue["at_edge"].tolist()[0] is True
    assert catalogue[["at_edge", "seeing"]].isna().to_numpy().tolist() == [
        [False, True],
        [True, True],
    ]


def test_copies_of_one_image_share_a_group_where_groups_are_unknown():
    stamps = (stamp(0), stamp(1), stamp(0))
    assert load_all(listing(*stamps, group_ids=None), ReadConfig()).catalogue[
        "group_id"
    ].tolist() == ["set/0", "set/1", "set/0"]
    assert load_all(listing(*stamps, group_ids="group"), ReadConfig()).catalogue[
        "group_id"
    ].tolist() == ["set/0", "set/1", "set/2"]


def test_a_galaxy_set_aside_by_the_reader_is_not_dropped_silently():
    with pytest.raises(
        InputError,
        match=(
            r"1 of 2 galaxies cannot be used, first 'G7': it is off every tile\..* daexplore"
            r" ingest"
        ),
    ):
        load_all(listing(stamp(), aside=[Rejected("G7", "it is off every tile.")]), ReadConfig())


def test_unreadable_galaxies_are_counted_with_their_reasons():
    with pytest.raises(
        InputError,
        match=r"3 of 5 galaxies cannot be used, first 'set/1': 2 times: truncated\.; empty\.",
    ):
        load_all(listing(stamp(), "truncated.", "empty.", stamp(), "truncated."), ReadConfig())
    with pytest.raises(
        InputError, match=r"none of its 2 galaxies can be read\. The first: truncated"
    ):
        load_all(listing("truncated", "empty"), ReadConfig())


@pytest.mark.parametrize(
    ("odd", "counts"),
    [
        (stamp(9, (3, 8, 7)), r"3 of 6x8 in 3 bands \(g, r, i\), 1 of 7x8 in 3 bands \(g, r, i\)"),
        (
            stamp(9, bands=("g", "r", "z")),
            r"3 of 6x8 in 3 bands \(g, r, i\), 1 of 6x8 in 3 bands \(g, r, z\)",
        ),
        (stamp(9, (1, 8, 6), ("g",)), r"3 of 6x8 in 3 bands \(g, r, i\), 1 of 6x8 in 1 band \(g\)"),
        (stamp(9, bands=None), r"3 of 6x8 in 3 bands \(g, r, i\), 1 of 6x8 in 3 bands;"),
    ],
)
def test_mixed_sizes_and_bands_are_refused_with_counts(odd, counts):
    with pytest.raises(
        InputError, match=rf"set: images differ in size or bands: {counts}.*first odd one 'set/1'"
    ):
        load_all(listing(stamp(0), odd, stamp(2), stamp(3)), ReadConfig())


@pytest.mark.parametrize(
    ("odd", "read", "message"),
    [
        (stamp(1, (3, 8, 7)), ReadConfig(), "it measures 7x8 pixels, the others 6x8"),
        (
            stamp(1, (3, 3, 7)),
            ReadConfig(size=4),
            "it measures 7x3 pixels, fewer than the declared size 4",
        ),
        (
            stamp(1, pixel_scale=0.3),
            ReadConfig(),
            "its pixels measure 0.3 arcsec, the others' an unknown number of",
        ),
        (
            stamp(1, flux_scale=(1.0, 1.0, 1.0)),
            ReadConfig(),
            "it has a zero point, the others do not",
        ),
        (
            stamp(1, bands=("g", "r", "z")),
            ReadConfig(),
            r"it has 6x8 in 3 bands \(g, r, z\); expected g, r, i",
        ),
        (
            stamp(1, bands=("g", "r", "z")),
            ReadConfig(bands=GRI),
            r"it has 6x8 in 3 bands \(g, r, z\); expected g, r, i",
        ),
    ],
)
def test_one_odd_galaxy_is_told_why(odd, read, message):
    frame = decide_frame(listing(stamp(), stamp(), stamp()), read)
    with pytest.raises(InputError, match=f"this one: {message}"):
        fit_to_format(odd, frame, read, "this one")


def test_scales_that_differ_in_their_last_digits_count_as_known():
    scales = (0.2, 0.2000001, None, 0.1999999, None)
    assert (
        decide_frame(
            listing(*[stamp(pixel_scale=scale) for scale in scales]), ReadConfig()
        ).pixel_scale
        == 0.2
    )
    assert (
        decide_frame(
            listing(*[stamp(pixel_scale=scale) for scale in (0.2, None)]), ReadConfig()
        ).pixel_scale
        is None
    )


def test_scales_within_one_percent_are_the_same():
    read = ReadConfig()
    frame = decide_frame(listing(stamp(pixel_scale=0.2)), read)
    fit_to_format(stamp(pixel_scale=0.2019), frame, read, "this one")
    with pytest.raises(InputError, match=r"its pixels measure 0.2021 arcsec, the others' 0.2\."):
        fit_to_format(stamp(pixel_scale=0.2021), frame, read, "this one")


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (ReadConfig(bands=("g", "r")), None),
        (
            ReadConfig(bands=("u", "r")),
            r"2 bands are declared \(u, r\), but the images have 3 channels \(g, r, i\)",
        ),
        (ReadConfig(zero_points=(25.0,)), "1 zero points are declared for 3 bands"),
        (ReadConfig(psf_fwhm=(1.0, 2.0)), "2 PSF widths are declared for 3 bands"),
    ],
)
def test_declarations_must_fit_the_channels(read, message):
    if message is None:
        assert decide_frame(listing(stamp()), read).bands == read.bands
        return
    with pytest.raises(InputError, match=message):
        decide_frame(listing(stamp()), read)


def test_the_frame_is_what_most_have_even_if_the_first_are_odd():
    stamps = [stamp(i, (3, 5, 5)) for i in range(10)] + [stamp(i) for i in range(90)]
    assert decide_frame(listing(*stamps), ReadConfig()).shape == (3, 8, 6)
    assert decide_frame(listing(*["unreadable"] * 99, stamp()), ReadConfig()).shape == (3, 8, 6)


def test_more_than_half_of_the_memory_is_not_read_at_once(monkeypatch):
    # four images of 576 bytes in a machine of one page
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PHYS_PAGES": 1, "SC_PAGE_SIZE": 4096}[name])
    assert len(load_all(listing(stamp(), stamp(), stamp()), ReadConfig())) == 3
    with pytest.raises(
        InputError,
        match=r"take 0\.0 GB, more than half of this machine's 0\.0 GB.*daexplore ingest",
    ):
        load_all(listing(stamp(), stamp(), stamp(), stamp()), ReadConfig())
