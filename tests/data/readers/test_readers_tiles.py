"""Cut-outs from survey tiles: to the pixel what lies there, and every galaxy accounted for."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from daexplore.config import ReadConfig
from daexplore.data.readers.load import load_all
from daexplore.data.readers.registry import open_listing, read_galaxies
from daexplore.errors import InputError

SCALE = 0.3  # [arcsec / pixel]
WINDOWS = (np.s_[42:58, 92:108], np.s_[112:128, 22:38])


def tan(ra=150.0, dec=2.0, shape=(200, 260), angle=0.0, scale=SCALE, projection="TAN"):
    """A tile's coordinates, its middle at the given place, turned by an angle [deg]."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    turn = np.deg2rad(angle)
    wcs.wcs.cd = (
        scale / 3600 * np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    )
    return wcs


def distorted(**options):
    header = tan(**options).to_header(relax=True)
    header.update(
        CTYPE1="RA---TAN-SIP",
        CTYPE2="DEC--TAN-SIP",
        A_ORDER=2,
        B_ORDER=2,
        A_2_0=2e-5,
        B_0_2=-1e-5,
        A_1_1=1e-5,
    )
    return WCS(header)


def field(shape=(200, 260), seed=0, dtype="f4"):
    """Every pixel another number."""
    return np.random.default_rng(seed).permutation(shape[0] * shape[1]).reshape(shape).astype(dtype)


def write(path, data, wcs, hdu=fits.PrimaryHDU, **keywords):
    path.parent.mkdir(exist_ok=True, parents=True)
    header = wcs.to_header(relax=True)
    header.update(keywords)
    image = hdu(data, header)
    fits.HDUList(
        [image] if isinstance(image, fits.PrimaryHDU) else [fits.PrimaryHDU(), image]
    ).writeto(path)


def at(wcs, pixels):
    """The sky at pixel positions (x, y), as a catalogue."""
    ra, dec = wcs.all_pix2world(np.asarray(pixels, float), 0).T
    return pd.DataFrame({"id": [f"g{i}" for i in range(len(pixels))], "ra": ra, "dec": dec})


def images_of(listing):
    return np.stack([listing.load(row).pixels for row in range(len(listing))])


@pytest.mark.parametrize("size", [15, 16])
@pytest.mark.parametrize(
    "wcs",
    [tan(), tan(angle=33), tan(dec=-71, angle=200), distorted(angle=20)],
    ids=["plain", "turned", "south", "sip"],
)
def test_cut_outs_are_the_pixels_at_known_positions(tmp_path, wcs, size):
    data = field()
    write(tmp_path / "tile.fits", data, wcs)
    pixels = [(100, 50), (20, 180), (241, 91), (130.3, 77.8)]
    at(wcs, pixels).to_csv(tmp_path / "catalogue.csv", index=False)
    listing = open_listing(tmp_path, ReadConfig(size=size))
    low = [(int(np.ceil(x - size / 2)), int(np.ceil(y - size / 2))) for x, y in pixels]
    expected = np.stack([data[None, y : y + size, x : x + size] for x, y in low])
    np.testing.assert_array_equal(images_of(listing), expected)
    np.testing.assert_allclose(listing.catalogue[["tile_x", "tile_y"]], pixels, atol=1e-3)
    assert listing.load(0).pixel_scale == pytest.approx(SCALE, rel=1e-3)
    assert listing.load(0).pixels.dtype == np.float32
    assert (len(listing.aside), listing.load(2).columns) == (0, {"edge_pixels": 0.0})


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("tile.fits", lambda data, wcs: fits.PrimaryHDU(data, wcs.to_header())),
        ("tile.fits.gz", lambda data, wcs: fits.PrimaryHDU(data, wcs.to_header())),
        (
            "tile.fits",
            lambda data, wcs: fits.ImageHDU(data.astype("f8"), wcs.to_header(), name="SCI"),
        ),
        ("tile.fits", lambda data, wcs: fits.PrimaryHDU(data.astype("u2"), wcs.to_header())),
        ("tile.fits", lambda data, wcs: fits.PrimaryHDU(data.astype("i4"), wcs.to_header())),
        (
            "tile.fits.fz",
            lambda data, wcs: fits.CompImageHDU(
                data.astype("i4"), wcs.to_header(), compression_type="RICE_1"
            ),
        ),
        (
            "tile.fits.fz",
            lambda data, wcs: fits.CompImageHDU(
                data.astype("u2"), wcs.to_header(), compression_type="GZIP_1"
            ),
        ),
        (
            "tile.fits.fz",
            lambda data, wcs: fits.CompImageHDU(
                data, wcs.to_header(), compression_type="GZIP_2", quantize_level=0
            ),
        ),
    ],
    ids=["plain", "gz", "f8", "u2", "i4", "rice", "gzip u2", "gzip f4"],
)
def test_tiles_of_any_type_and_packing(tmp_path, name, make):
    data = field()
    hdu = make(data, tan())
    fits.HDUList([hdu] if isinstance(hdu, fits.PrimaryHDU) else [fits.PrimaryHDU(), hdu]).writeto(
        tmp_path / name
    )
    at(tan(), [(100, 50), (3, 150)]).to_csv(tmp_path / "catalogue.csv", index=False)
    listing = open_listing(tmp_path, ReadConfig(size=16))
    listing = dataclasses.replace(listing, load=pickle.loads(pickle.dumps(listing.load)))
    np.testing.assert_array_equal(listing.load(0).pixels[0], data[42:58, 92:108])
    edge = Cutout2D(data, (3, 150), 16, mode="partial", fill_value=np.nan).data
    np.testing.assert_array_equal(listing.load(1).pixels[0], edge)


def test_a_galaxy_is_taken_from_the_tile_where_it_is_farthest_from_the_edge(tmp_path):
    step = 200 * SCALE / 3600
    wcs = {
        "a": tan(150.0),
        "b": tan(150.0 + step),
        "c": tan(150.0 + step, 2.0 + 0.6 * step, angle=30),
    }
    data = {name: field(seed=seed) for seed, name in enumerate(wcs)}
    for name in wcs:
        write(tmp_path / f"tile_{name}.fits", data[name], wcs[name])
    rng = np.random.default_rng(3)
    sky = pd.DataFrame(
        {
            "id": np.arange(300),
            "ra": 150 + step * rng.uniform(-0.8, 1.8, 300),
            "dec": 2 + step * rng.uniform(-0.7, 1.2, 300),
        }
    )
    sky.to_csv(tmp_path / "catalogue.csv", index=False)
    listing = open_listing(tmp_path, ReadConfig(size=12))
    margins, pixel = {}, {}
    for ra, dec, name in zip(sky["ra"], sky["dec"], sky["id"].astype(str), strict=True):
        for tile, one in wcs.items():
            x, y = map(float, one.all_world2pix(ra, dec, 0))
            margin = min(x + 0.5, 259.5 - x, y + 0.5, 199.5 - y)
            if margin > 0:
                margins.setdefault(name, {})[tile], pixel[name, tile] = margin, (x, y)
    assert 0 < len(listing.aside) == 300 - len(margins)
    found = [sample_id.rpartition("/")[2] for sample_id in listing.catalogue["sample_id"]]
    chosen = [
        tile.removeprefix("tile_").removesuffix(".fits") for tile in listing.catalogue["tile"]
    ]
    assert found == list(margins)
    assert set(chosen) == set(wcs)
    assert sum(len(of) > 1 for of in margins.values()) > 30
    for name, tile in zip(found, chosen, strict=True):
        assert margins[name][tile] > max(margins[name].values()) - 0.01
    for row in (0, 50, len(listing) - 1):
        cut = Cutout2D(
            data[chosen[row]], pixel[found[row], chosen[row]], 12, mode="partial", fill_value=np.nan
        ).data
        np.testing.assert_array_equal(listing.load(row).pixels[0], cut)


@pytest.mark.parametrize("how", ["names", "headers", "extensions", "cube"])
def test_bands(tmp_path, how):
    planes = {"g": field(seed=1), "r": field(seed=2), "i": field(seed=3)}
    if how == "names":
        for band, data in planes.items():
            write(tmp_path / "tiles" / f"field1-image-{band}.fits", data, tan())
            write(tmp_path / "tiles" / f"field1-invvar-{band}.fits", np.ones_like(data), tan())
    elif how == "headers":
        for number, (band, data) in enumerate(planes.items()):
            write(tmp_path / "tiles" / f"frame{number}.fits", data, tan(), FILTER=band)
    elif how == "extensions":
        parts = [fits.ImageHDU(data, tan().to_header(), name=band) for band, data in planes.items()]
        (tmp_path / "tiles").mkdir()
        fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "tiles" / "field1.fits")
    else:
        write(
            tmp_path / "tiles" / "field1.fits", np.stack(list(planes.values())), tan(), BANDS="gri"
        )
    at(tan(), [(100, 50), (30, 120)]).to_csv(tmp_path / "positions.csv", index=False)
    read = ReadConfig(size=16, catalogue=str(tmp_path / "positions.csv"))
    for wanted in (None, ("r", "g")):
        galaxies = read_galaxies(tmp_path / "tiles", dataclasses.replace(read, bands=wanted))
        assert {band.lower() for band in galaxies.bands} == set(wanted or "gri")
        for band, images in zip(galaxies.bands, galaxies.images.swapaxes(0, 1), strict=True):
            np.testing.assert_array_equal(
                images, [planes[band.lower()][window] for window in WINDOWS]
            )
    assert galaxies.bands == ("r", "g")


def test_masked_pixels_of_a_tile_are_unmeasured(tmp_path):
    data, mask = field(), np.zeros((200, 260), "i4")
    mask[50, 100] = 4
    parts = [
        fits.PrimaryHDU(),
        fits.ImageHDU(data, tan().to_header(), name="SCI"),
        fits.ImageHDU(mask, name="DQ"),
    ]
    fits.HDUList(parts).writeto(tmp_path / "tile.fits")
    at(tan(), [(100, 50)]).to_csv(tmp_path / "catalogue.csv", index=False)
    pixels = open_listing(tmp_path, ReadConfig(size=16)).load(0).pixels[0]
    assert np.argwhere(np.isnan(pixels)).tolist() == [[8, 8]]


def test_detectors_in_one_file_are_tiles_of_their_own(tmp_path):
    step = 260 * SCALE / 3600
    ccds = [
        fits.ImageHDU(field(seed=i), tan(150 + i * step).to_header(), name=f"CCD{i}")
        for i in range(3)
    ]
    fits.HDUList([fits.PrimaryHDU(), *ccds]).writeto(tmp_path / "exposure.fits")
    at(tan(150 + step), [(100, 50)]).to_csv(tmp_path / "catalogue.csv", index=False)
    np.testing.assert_array_equal(
        open_listing(tmp_path, ReadConfig(size=16)).load(0).pixels[0], field(seed=1)[42:58, 92:108]
    )


@pytest.mark.parametrize("kind", ["names", "hours", "radians", "sexagesimal", "text", "ecsv"])
def test_coordinates_as_catalogues_write_them(tmp_path, kind):
    from astropy.table import Table

    write(tmp_path / "tile.fits", field(), tan())
    table = at(tan(), [(100, 50)])
    sky = SkyCoord(table["ra"], table["dec"], unit="deg")
    names = {
        "names": ("RAJ2000", "DEJ2000"),
        "hours": ("RA", "DEC"),
        "radians": ("ALPHA_J2000", "DELTA_J2000"),
    }.get(kind, ("_RA", "_DE"))
    values = {
        "hours": (sky.ra.hourangle, sky.dec.deg),
        "radians": (sky.ra.rad, sky.dec.rad),
        "sexagesimal": (
            sky.ra.to_string("hourangle", sep=":", precision=6),
            sky.dec.to_string("deg", sep=" ", precision=6),
        ),
        "text": (
            sky.ra.to_string("deg", decimal=True, precision=9),
            sky.dec.to_string("deg", decimal=True, precision=9),
        ),
    }.get(kind, (sky.ra.deg, sky.dec.deg))
    written = Table({"id": [7], names[0]: values[0], names[1]: values[1]})
    for name, unit in zip(
        names,
        {"hours": ("hourangle", "deg"), "radians": ("rad", "rad"), "ecsv": ("deg", "deg")}.get(
            kind, ()
        ),
        strict=False,
    ):
        written[name].unit = unit
    written.write(tmp_path / "catalogue.ecsv")
    listing = open_listing(tmp_path, ReadConfig(size=16, name="survey"))
    assert listing.catalogue["sample_id"].tolist() == ["survey/7"]
    np.testing.assert_allclose(listing.catalogue[["tile_x", "tile_y"]], [(100, 50)], atol=1e-3)


def test_galaxies_at_the_edge_off_the_tiles_and_without_position_are_accounted_for(tmp_path):
    write(tmp_path / "tile.fits", field(), tan())
    table = at(tan(), [(100, 50), (1, 100), (-5, 100), (150, 150), (0.0, 199.4)])
    table["label"] = ["merger", "merger", "other", "other", "other"]
    table.loc[3, "dec"] = np.nan
    table.to_csv(tmp_path / "catalogue.csv", index=False)
    listing = open_listing(tmp_path, ReadConfig(size=16, max_bad_pixels=0.5))
    assert [aside.name for aside in listing.aside] == ["g3", "g2"]
    assert "row 4 has no usable position" in listing.aside[0].reason
    assert "off every tile; the edge of the nearest, tile.fits, is" in listing.aside[1].reason
    away = float(listing.aside[1].reason.partition("fits, is ")[2].partition(" deg")[0])
    assert away == pytest.approx(4.5 * SCALE / 3600, rel=0.5)
    stamp = listing.load(1)
    assert stamp.columns["edge_pixels"] == np.isnan(stamp.pixels).mean() == 7 / 16
    with pytest.raises(InputError, match=r"2 of 5 galaxies cannot be used, first 'g3'"):
        load_all(listing, ReadConfig(size=16))
    galaxies = load_all(
        dataclasses.replace(listing, aside=()), ReadConfig(size=16, max_bad_pixels=0.99)
    )
    assert np.isfinite(galaxies.images).all()
    assert galaxies.catalogue["edge_pixels"].tolist() == pytest.approx([0, 7 / 16, 3 / 4])
    assert galaxies.catalogue["bad_pixels"].tolist() == pytest.approx([0, 7 / 16, 3 / 4])
    assert (galaxies.classes, galaxies.labels.tolist()) == (("merger", "other"), [0, 0, 1])
    with pytest.raises(InputError, match=r"NaN, infinite or masked"):
        load_all(dataclasses.replace(listing, aside=()), ReadConfig(size=16))


def far(table):
    return table.assign(ra=table["ra"] + 40)


@pytest.mark.parametrize(
    ("change", "read", "message"),
    [
        (lambda table: table, ReadConfig(), r"how large are cut-outs.*--size 64"),
        (
            lambda table: table.drop(columns="dec"),
            ReadConfig(size=16),
            r"none of its 1 rows belongs|has no coordinates",
        ),
        (
            far,
            ReadConfig(size=16),
            (
                r"none of its 1 galaxies is on one of the 1 tiles.*RA 190\.00\d+.*nearest,"
                r" tile\.fits, is 3\d\.\d+ deg"
            ),
        ),
        (
            lambda table: table.assign(ra="here"),
            ReadConfig(size=16),
            r"catalogue\.csv: none of its 1 rows has a usable position",
        ),
        (
            lambda table: table,
            ReadConfig(size=16, label="kind"),
            r"has no column 'kind' for the labels; it has id, ra, dec",
        ),
    ],
)
def test_what_cannot_be_cut_out_is_refused_in_words(tmp_path, change, read, message):
    write(tmp_path / "tile.fits", field(), tan())
    change(at(tan(), [(100, 50)])).to_csv(tmp_path / "catalogue.csv", index=False)
    with pytest.raises(InputError, match=message):
        open_listing(tmp_path, read)


def test_tiles_that_contradict_each_other_are_refused(tmp_path):
    write(tmp_path / "one.fits", field(), tan())
    write(tmp_path / "two.fits", field(seed=1), tan())
    at(tan(), [(100, 50)]).to_csv(tmp_path / "catalogue.csv", index=False)
    with pytest.raises(
        InputError,
        match=r"one\.fits and two\.fits show the same field and nothing says their bands",
    ):
        open_listing(tmp_path, ReadConfig(size=16))
    (tmp_path / "two.fits").unlink()
    write(tmp_path / "three.fits", field(), tan(151.0), FILTER="r")
    with pytest.raises(InputError, match=r"Tiles differ in their bands: .*one\.fits"):
        open_listing(tmp_path, ReadConfig(size=16))


def test_fits_images_without_coordinates_are_no_tiles(tmp_path):
    fits.PrimaryHDU(field()).writeto(tmp_path / "image.fits")
    at(tan(), [(100, 50)]).to_csv(tmp_path / "catalogue.csv", index=False)
    with pytest.raises(
        InputError, match="none of its 1 FITS files holds an image with celestial coordinates"
    ):
        open_listing(tmp_path, ReadConfig(size=16))


def test_a_single_tile_with_a_catalogue(tmp_path):
    write(tmp_path / "a" / "tile.fits", field(), tan())
    at(tan(), [(100, 50)]).to_parquet(tmp_path / "positions.parquet")
    galaxies = read_galaxies(
        tmp_path / "a" / "tile.fits", catalogue=str(tmp_path / "positions.parquet"), size=16
    )
    np.testing.assert_array_equal(galaxies.images[0, 0], field()[42:58, 92:108])


def test_cut_outs_named_in_a_catalogue_with_positions_are_no_tiles(tmp_path):
    table = at(tan(), [(100, 50), (30, 60)])
    for i, name in enumerate(table["id"]):
        for band in "gr":
            write(tmp_path / f"{name}_{band}.fits", field((20, 20), seed=i), tan(shape=(20, 20)))
    table.to_csv(tmp_path / "catalogue.csv", index=False)
    galaxies = read_galaxies(tmp_path)
    assert (galaxies.bands, galaxies.images.shape) == (("g", "r"), (2, 2, 20, 20))


@pytest.mark.parametrize(("shift", "wider"), [(0.4, 0), (1.0, 0), (5.0, 0), (0.0, 2)])
@pytest.mark.parametrize("bands", [None, ("g", "r")])
def test_bands_of_a_field_on_grids_of_their_own_are_refused_by_that_reason(
    tmp_path, shift, wider, bands
):
    write(tmp_path / "field_g.fits", field(), tan(), FILTER="g")
    shape = (200 + wider, 260 + wider)
    moved = tan(dec=2.0 + shift * SCALE / 3600, shape=shape)
    write(tmp_path / "field_r.fits", field(shape), moved, FILTER="r")
    at(tan(), [(100, 50)]).to_csv(tmp_path / "catalogue.csv", index=False)
    with pytest.raises(InputError, match=r"show one field on different grids") as error:
        open_listing(tmp_path, ReadConfig(size=16, bands=bands))
    assert "reproject" in str(error.value)
    one = open_listing(tmp_path, ReadConfig(size=16, bands=("g",)))
    np.testing.assert_array_equal(one.load(0).pixels[0], field()[42:58, 92:108])


def test_fields_apart_in_different_bands_are_refused_as_before(tmp_path):
    write(tmp_path / "north_g.fits", field(), tan(), FILTER="g")
    write(tmp_path / "south_r.fits", field(), tan(dec=3.0), FILTER="r")
    at(tan(), [(100, 50)]).to_csv(tmp_path / "catalogue.csv", index=False)
    with pytest.raises(InputError, match="Tiles differ in their bands"):
        open_listing(tmp_path, ReadConfig(size=16))
