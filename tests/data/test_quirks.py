"""Quirks of real files, each kind with inputs of its own: nothing is lost, guessed or changed
without a word.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from PIL import Image

from daexplore.config import DataConfig, ReadConfig
from daexplore.data import open_domains
from daexplore.data.account import account_of
from daexplore.data.catalogues.labels import matched_classes
from daexplore.data.catalogues.read import read_table
from daexplore.data.catalogues.survey_columns import survey_columns, survey_piece
from daexplore.data.readers import read_galaxies
from daexplore.errors import InputError

RNG = np.random.default_rng(5)


def picture(size=10):
    return RNG.integers(0, 255, (size, size, 3), dtype=np.uint8)


def pictures(folder: Path, names, size=10) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(size)).save(folder / name)
    return folder


def with_catalogue(folder: Path, frame: pd.DataFrame, suffix="csv") -> Path:
    pictures(folder, frame["filename"])
    if suffix == "csv":
        frame.to_csv(folder / "catalogue.csv", index=False)
    else:
        frame.to_parquet(folder / "catalogue.parquet")
    return folder


def files(count, name="g"):
    return [f"{name}{number:02d}.png" for number in range(count)]


@pytest.mark.parametrize("split_names", [("train", "test"), ("Training", "validation", "dev")])
def test_folders_of_splits_are_never_classes(tmp_path, split_names):
    names = [
        f"{split}/{kind}/{split}{i}.png" for split in split_names for kind in "ab" for i in "01"
    ]
    galaxies = read_galaxies(pictures(tmp_path, names))
    assert galaxies.class_counts() == {"a": 2 * len(split_names), "b": 2 * len(split_names)}
    assert any("splits" in warning for warning in account_of(galaxies).warnings)


@pytest.mark.parametrize("word", ["None", "NA", "null", "nan", "N/A"])
def test_only_an_empty_cell_is_a_missing_class(tmp_path, word):
    frame = pd.DataFrame({"filename": files(6), "label": [word, "late", ""] * 2})
    galaxies = read_galaxies(with_catalogue(tmp_path, frame))
    assert galaxies.class_counts() == {**dict.fromkeys(sorted([word, "late"]), 2), "unlabelled": 2}


def test_whole_numbers_with_missing_cells_keep_their_digits(tmp_path):
    ids = [1237648720693690487 + i for i in range(8)]
    table = {"filename": files(8), "group_id": pa.array([None, *ids[1:]], pa.int64())}
    pictures(tmp_path, files(8))
    pq.write_table(pa.table(table), tmp_path / "catalogue.parquet")
    galaxies = read_galaxies(tmp_path)
    assert galaxies.catalogue["group_id"].tolist()[1:] == list(map(str, ids[1:]))


@pytest.mark.parametrize("suffix", ["parquet", "fits", "csv", "ecsv"])
def test_an_unsigned_id_beyond_the_signed_ones_stays_itself(tmp_path, suffix):
    ids = np.array([11266503842829801472 + 1024 * i for i in range(4)], np.uint64)
    pictures(tmp_path, [f"{one}.png" for one in ids])
    Table({"objid": ids}).write(tmp_path / f"catalogue.{suffix}")
    galaxies = read_galaxies(tmp_path)
    columns = survey_columns(galaxies)
    piece = survey_piece(galaxies, columns, range(4))
    assert sorted(map(str, piece["objid"])) == sorted(map(str, ids.tolist()))


def test_a_named_index_is_a_column(tmp_path):
    frame = pd.DataFrame({"group_id": ["a", "a", "b", "b"], "filename": files(4)})
    pictures(tmp_path, files(4))
    frame.set_index("group_id").to_parquet(tmp_path / "catalogue.parquet")
    assert read_galaxies(tmp_path).catalogue["group_id"].tolist() == ["a", "a", "b", "b"]


@pytest.mark.parametrize("column", ["group_id", "TARGETID"])
def test_names_that_lost_their_digits_are_refused(tmp_path, column):
    frame = pd.DataFrame({"filename": files(4), column: ["3.91E+16"] * 4})
    folder = with_catalogue(tmp_path, frame)
    with pytest.raises(InputError, match="lost their digits"):
        read_galaxies(folder, group=column)
    floats = frame.assign(**{column: np.full(4, 1.2376487e18)})
    (folder / "catalogue.csv").unlink()
    floats.to_parquet(folder / "catalogue.parquet")
    with pytest.raises(InputError, match="lost their digits"):
        read_galaxies(folder, group=column)


@pytest.mark.parametrize(
    ("ras", "expected"),
    [
        (["10.5", "--", "11"], [10.5, np.nan, 11]),
        (["10.5", "", "nan"], [10.5, np.nan, np.nan]),
        (["00:42:00", "00:44:00", ""], [10.5, 11, np.nan]),
        (["0h42m", "0h44m", "0 42 00"], [10.5, 11, 10.5]),
    ],
)
def test_a_right_ascension_is_sexagesimal_cell_by_cell(tmp_path, ras, expected):
    from daexplore.data.catalogues.coordinates import positions

    (tmp_path / "c.csv").write_text(
        "id,ra,dec\n" + "".join(f"g{i},{ra},1.5\n" for i, ra in enumerate(ras))
    )
    found = positions(read_table(tmp_path / "c.csv"))
    np.testing.assert_allclose(found[:, 0], expected)


def test_decimal_and_sexagesimal_cells_in_one_column_are_refused_with_the_row(tmp_path):
    from daexplore.data.catalogues.coordinates import positions

    (tmp_path / "c.csv").write_text("id,ra,dec\na,10.5,1\nb,11.5,1\nc,00:42:00,1\n")
    with pytest.raises(InputError, match=r"'00:42:00' in row 3"):
        positions(read_table(tmp_path / "c.csv"))


@pytest.mark.parametrize(
    ("names", "among", "expected"),
    [
        (
            ("Merger", "non_merger"),
            ("merger", "non-merger"),
            {"Merger": "merger", "non_merger": "non-merger"},
        ),
        (("0", "1"), ("non-merger", "merger"), {"0": "non-merger", "1": "merger"}),
        (("False", "True"), ("0", "1"), {"False": "0", "True": "1"}),
        (("Sa", "SA"), ("sa", "b"), {}),
        (("a",), ("b",), {}),
    ],
)
def test_classes_match_but_for_spelling(names, among, expected):
    assert matched_classes(names, among) == expected


@pytest.mark.parametrize(
    "values", [[0, 1] * 4, [False, True] * 4, ["0", "1"] * 4, ["no", "yes"] * 4, [0.0, 1.0] * 4]
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_yes_and_no_are_the_same_classes_however_they_are_written(tmp_path, values, suffix):
    frame = pd.DataFrame({"filename": files(8), "merger": values})
    galaxies = read_galaxies(with_catalogue(tmp_path, frame, suffix))
    assert galaxies.class_counts() == {"non-merger": 4, "merger": 4}


def test_unmatched_classes_are_told(tmp_path):
    source = pd.DataFrame({"filename": files(8, "s"), "kind": ["merger", "disc"] * 4})
    target = pd.DataFrame({"filename": files(8, "t"), "kind": ["Merger", "odd"] * 4})
    for name, frame in (("source", source), ("target", target)):
        with_catalogue(tmp_path / name, frame)
    config = DataConfig(str(tmp_path / "source"), str(tmp_path / "target"), label="kind")
    _, found = open_domains(config)
    warnings = " ".join(account_of(found).warnings)
    assert "'Merger' as 'merger'" in warnings
    assert "4 images are of classes that the source does not have" in warnings


@pytest.mark.parametrize("declared", [None, "merger"])
def test_a_column_that_only_might_hold_labels_makes_no_classes(tmp_path, declared):
    with_catalogue(tmp_path / "s", pd.DataFrame({"filename": files(8, "s"), "merger": [0, 1] * 4}))
    other = {"filename": files(8, "t"), "class": ["GALAXY", "QSO"] * 4}
    with_catalogue(tmp_path / "t", pd.DataFrame(other))
    config = DataConfig(str(tmp_path / "s"), str(tmp_path / "t"), label=declared)
    _, target = open_domains(config)
    assert (target.labels == -1).all()
    assert "unlabelled" in " ".join(account_of(target).warnings)


def test_a_survey_with_fractions_in_a_column_called_merger_can_be_opened(tmp_path):
    frame = pd.DataFrame({"filename": files(4), "merger": [0.1, 0.5, 0.9, 0.2]})
    galaxies = read_galaxies(with_catalogue(tmp_path, frame))
    assert (galaxies.labels == -1).all()
    assert "fractions" in " ".join(account_of(galaxies).warnings)


def test_no_labels_can_be_declared(tmp_path):
    frame = pd.DataFrame({"filename": files(4), "label": ["a", "b"] * 2})
    galaxies = read_galaxies(with_catalogue(tmp_path, frame), ReadConfig(label="none"))
    assert galaxies.class_counts() == {"unlabelled": 4}
    assert "label" not in galaxies.classes


def deep_png(path: Path, rgb: np.ndarray, kind: int) -> None:
    """A PNG of 16 bits a channel with one filter for all rows, by the specification."""
    height, width, channels = rgb.shape
    step, rows, above = 2 * channels, b"", np.zeros(2 * channels * width, int)
    for row in rgb:
        plain = np.frombuffer(row.astype(">u2").tobytes(), np.uint8).astype(int)
        left = np.r_[np.zeros(step, int), plain[:-step]]
        corner = np.r_[np.zeros(step, int), above[:-step]]
        p = left + above - corner
        far = np.stack([abs(p - left), abs(p - above), abs(p - corner)])
        paeth = np.choose(far.argmin(axis=0), [left, above, corner])
        guess = [0, left, above, (left + above) // 2, paeth][kind]
        rows += bytes([kind]) + ((plain - guess) % 256).astype(np.uint8).tobytes()
        above = plain
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for name, chunk in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        data += struct.pack(">I", len(chunk)) + name + chunk
        data += struct.pack(">I", zlib.crc32(name + chunk))
    path.write_bytes(data)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("channels", [3, 4])
def test_a_colour_png_of_16_bits_keeps_its_depth(tmp_path, kind, channels):
    rgb = RNG.integers(0, 2**16, (9, 7, channels), dtype=np.uint16)
    if channels == 4:
        rgb[..., 3] = 1
    deep_png(tmp_path / "g0.png", rgb, kind)
    found = read_galaxies(tmp_path).images[0]
    np.testing.assert_array_equal(found, rgb[..., :3].transpose(2, 0, 1))


def test_grey_of_8_and_16_bits_in_one_folder_is_refused(tmp_path):
    for number in range(6):
        kind = np.uint8 if number % 3 == 0 else np.uint16
        Image.fromarray(RNG.integers(0, 200, (8, 8)).astype(kind)).save(tmp_path / f"g{number}.png")
    with pytest.raises(InputError, match="of 16 bits"):
        read_galaxies(tmp_path)


def test_transparent_pixels_are_unmeasured_and_exif_turns(tmp_path):
    from daexplore.data.readers.picture import read_picture

    rgb, alpha = picture(), np.full((10, 10), 255, np.uint8)
    alpha[:, :3] = 0
    Image.fromarray(np.dstack([rgb, alpha])).save(tmp_path / "a.png")
    found, depth = read_picture(tmp_path / "a.png")
    assert depth == 8
    assert np.isnan(found[:, :, :3]).all()
    np.testing.assert_array_equal(found[:, :, 3:], rgb.transpose(2, 0, 1)[:, :, 3:])
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(rgb).save(tmp_path / "b.webp", lossless=True, exif=exif)
    turned, _ = read_picture(tmp_path / "b.webp")
    np.testing.assert_array_equal(turned, np.rot90(rgb, -1).transpose(2, 0, 1))


def write_fits(path: Path, **cards) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.writeto(path, RNG.normal(5, 1, (8, 8)).astype(np.float32), fits.Header(cards))


@pytest.mark.parametrize(
    ("names", "cards", "galaxies", "bands"),
    [
        ([f"N40{i}_r.fits" for i in range(10, 16)], {}, 6, 1),
        ([f"field_W{i}.fits" for i in range(1, 5)], {}, 4, 1),
        ([f"g{i}_{band}.fits" for i in range(3) for band in "gri"], {}, 3, 3),
        ([f"g{i}_{band}.fits" for i in range(3) for band in "gri"], {"FILTER": "R"}, 9, 1),
    ],
)
def test_words_of_names_are_bands_only_where_nothing_speaks_against_it(
    tmp_path, names, cards, galaxies, bands
):
    for name in names:
        write_fits(tmp_path / name, **cards)
    assert read_galaxies(tmp_path).images.shape[:2] == (galaxies, bands)


def test_asinh_pixels_of_pan_starrs_are_linear_again_and_magnitudes_refused(tmp_path):
    soft, offset, factor = 20.0, 4.0, 2.5 * np.log10(np.e)
    flux = RNG.normal(0, 300, (8, 8))
    stored = factor * np.arcsinh((flux - offset) / (2 * soft))
    header = fits.Header({"BSOFTEN": soft, "BOFFSET": offset})
    (tmp_path / "a").mkdir()
    fits.writeto(tmp_path / "a" / "g.fits", stored, header)
    np.testing.assert_allclose(
        read_galaxies(tmp_path / "a").images[0, 0], flux, rtol=1e-4, atol=1e-3
    )
    write_fits(tmp_path / "b" / "g.fits", BUNIT="mag/arcsec^2")
    with pytest.raises(InputError, match="magnitudes"):
        read_galaxies(tmp_path / "b")


def test_planes_of_a_mask_under_long_keywords_count(tmp_path):
    mask = np.zeros((8, 8), np.int32)
    mask[0, 0], mask[1, 1], mask[2, 2] = 1 << 8, 1 << 1, 1 << 5
    image = fits.ImageHDU(np.ones((8, 8), np.float32), name="IMAGE")
    plane = fits.ImageHDU(mask, name="MASK")
    for name, bit in (("HIERARCH MP_NO_DATA", 8), ("MP_SAT", 1), ("HIERARCH MP_DETECTED", 5)):
        plane.header[name] = bit
    fits.HDUList([fits.PrimaryHDU(), image, plane]).writeto(tmp_path / "g.fits")
    from daexplore.data.readers.fits.cutout import read_fits

    found = read_fits(tmp_path / "g.fits").pixels[0]
    assert np.argwhere(np.isnan(found)).tolist() == [[0, 0], [1, 1]]


def test_the_account_counts_what_is_passed_over(tmp_path):
    frame = pd.DataFrame({"filename": [*files(5), "gone.png"], "label": ["a", "b"] * 3})
    pictures(tmp_path, [*files(5), "more.png"])
    frame.replace("g00.png", "G00.PNG").to_csv(tmp_path / "catalogue.csv", index=False)
    fits.writeto(tmp_path / "psf.fits", np.ones((8, 8), np.float32))
    galaxies = read_galaxies(tmp_path)
    told = {each.reason: (each.count, each.first) for each in account_of(galaxies).passed_over}
    assert len(galaxies) == 5
    assert told == {
        "files of the kind .fits": (1, ("psf.fits",)),
        "no galaxy by name or catalogue": (1, ("more.png",)),
        "rows of the catalogue without an image": (1, ("gone.png",)),
    }


def test_the_account_says_what_was_declared_and_what_is_unknown(tmp_path):
    frame = pd.DataFrame({"filename": files(4), "label": ["a", "b"] * 2})
    folder = with_catalogue(tmp_path / "set", frame)

    def sources(galaxies):
        return {each.what: each.source for each in account_of(galaxies).taken}

    assert sources(read_galaxies(folder))["pixel scale"] == "neither said nor declared"
    declared = read_galaxies(folder, pixel_scale=0.2)
    assert sources(declared)["pixel scale"] == "declared"
    declared.save(tmp_path / "saved")
    found = sources(read_galaxies(tmp_path / "saved"))
    assert (found["pixel scale"], found["bands"], found["groups"]) == (
        "declared",
        "the files",
        "assumed",
    )


def test_a_placeholder_and_contradicting_labels_are_told(tmp_path):
    frame = pd.DataFrame(
        {"filename": files(8), "group_id": list("aabbccdd"), "label": ["x", "y"] * 4}
    )
    folder = with_catalogue(tmp_path, frame)
    for name in files(8)[:3]:
        Image.fromarray(np.full((10, 10, 3), 7, np.uint8)).save(folder / name)
    warnings = " ".join(account_of(read_galaxies(folder)).warnings)
    assert "3 images are the same picture" in warnings
    assert "labelled x and y" in warnings
    assert "4 galaxies have images with different labels" in warnings


def test_exact_zeros_are_told_and_can_count_as_unmeasured(tmp_path):
    cube = RNG.normal(5, 1, (8, 8)).astype(np.float32)
    fits.writeto(tmp_path / "a.fits", cube)
    cube[:, :2] = 0
    fits.writeto(tmp_path / "b.fits", cube)
    galaxies = read_galaxies(tmp_path)
    assert "exactly 0, up to 25%" in " ".join(account_of(galaxies).warnings)
    interpolated = read_galaxies(tmp_path, zeros_unmeasured=True, max_bad_pixels=0.5)
    assert (interpolated.images != 0).all()
    assert interpolated.catalogue["bad_pixels"].tolist() == [0.0, 0.25]


def test_a_row_for_each_file_and_band_is_one_galaxy(tmp_path):
    lines = ["object_id,filter,filename,label"]
    for galaxy in (36411452835238206, 36411452835238207, 36411452835238208):
        for band in "grz":
            write_fits(tmp_path / f"{galaxy}_{band}.fits")
            lines.append(f"{galaxy},{band},{galaxy}_{band}.fits,{galaxy % 2}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    galaxies = read_galaxies(tmp_path)
    assert galaxies.images.shape == (3, 3, 8, 8)
    assert galaxies.bands == ("g", "r", "z")
    expected = fits.getdata(tmp_path / "36411452835238207_z.fits")
    np.testing.assert_array_equal(galaxies.images[1, 2], expected)


@pytest.mark.parametrize("fill", [np.nan, 0.0])
def test_a_cut_out_comes_from_the_tile_that_measured_most_of_it(tmp_path, fill):
    size, scale = 60, 0.2 / 3600
    for number, shift in enumerate((0, 20)):
        data = RNG.normal(100 * (number + 1), 1, (size, size)).astype(np.float32)
        if number == 0:
            data[:, 30:] = fill
        header = fits.Header(
            {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 30.5, "CRPIX2": 30.5}
            | {"CRVAL1": 150 - shift * scale, "CRVAL2": 0.0, "CD1_1": -scale, "CD2_2": scale}
        )
        fits.writeto(tmp_path / f"field{number}.fits", data, header)
    # Pixel 35 of the first tile, 25 from its edge, where it has no data; pixel 15 of the second.
    (tmp_path / "catalogue.csv").write_text(f"id,ra,dec\na,{150 - 5.5 * scale},0\n")
    galaxies = read_galaxies(tmp_path, size=8)
    assert galaxies.catalogue["tile"].tolist() == ["field1.fits"]
    assert galaxies.images.mean() > 150


def parquet_of(folder: Path, pixels: np.ndarray, layout: str) -> Path:
    """Pictures (N, H, W, 3) in three files of one table, two row groups each."""
    import io

    def png(image):
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        return stream.getvalue()

    cells = {
        "struct": [{"bytes": png(image), "path": None} for image in pixels],
        "bytes": [png(image) for image in pixels],
        "lists": [image.transpose(2, 0, 1).astype(np.float32).tolist() for image in pixels],
    }[layout]
    folder.mkdir(exist_ok=True)
    for part, rows in enumerate(np.array_split(np.arange(len(pixels)), 3)):
        table = pa.table(
            {
                "image": pa.array([cells[row] for row in rows]),
                "label": [int(row) % 2 for row in rows],
                "object_id": [f"J{row:03d}" for row in rows],
            }
        )
        pq.write_table(table, folder / f"train-{part:05d}.parquet", row_group_size=3)
    return folder


@pytest.mark.parametrize("layout", ["struct", "bytes", "lists"])
def test_images_in_a_column_of_parquet_are_those_of_the_pictures(tmp_path, layout):
    pixels = np.stack([picture() for _ in range(14)])
    galaxies = read_galaxies(parquet_of(tmp_path / "set", pixels, layout))
    np.testing.assert_array_equal(galaxies.images, pixels.transpose(0, 3, 1, 2))
    assert galaxies.class_counts() == {"0": 7, "1": 7}
    assert list(galaxies.sample_ids) == [f"set/J{row:03d}" for row in range(14)]


def test_domains_that_stand_the_other_way_up_are_told(tmp_path):
    frame = pd.DataFrame({"filename": files(4, "s"), "label": ["a", "b"] * 2})
    with_catalogue(tmp_path / "s", frame)
    for name in ("t0", "t1"):
        cube = RNG.normal(5, 1, (3, 10, 10)).astype(np.float32)
        (tmp_path / "t").mkdir(exist_ok=True)
        fits.writeto(tmp_path / "t" / f"{name}.fits", cube)
    config = DataConfig(str(tmp_path / "s"), str(tmp_path / "t"), match_bands="position")
    _, target = open_domains(config)
    assert "mirrored" in " ".join(account_of(target).warnings)
