"""``daexplore ingest``: any input made into one galaxy set on disk."""

import csv
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

if TYPE_CHECKING:
    from daexplore.data import GalaxySet

__all__ = ["ingest"]

_SHOWN = 5


@app.command()
def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help=(
                "FITS cut-outs, PNG or JPEG images, a catalogue with survey tiles, Parquet, HDF5,"
                " npz, tar, a published .npy or FITS file; or an address: https, s3, hf."
            )
        ),
    ],
    dest: Annotated[
        Path,
        typer.Argument(
            help=(
                "Folder of the galaxy set: new, empty, or begun by an earlier ingest of the same"
                " input."
            )
        ),
    ],
    catalogue: Annotated[
        str | None, typer.Option(help="The table, if it is not in the folder of the images.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Its column with the class; none says that there is none.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Its column that names the physical galaxy.")
    ] = None,
    bands: Annotated[
        str | None,
        typer.Option(
            help="Names of the channels in their order, such as g,r,i; also which ones to read."
        ),
    ] = None,
    pixel_scale: Annotated[float | None, typer.Option(help="Arcseconds a pixel.")] = None,
    zero_points: Annotated[
        str | None,
        typer.Option(help="AB magnitude of one unit in each band, such as 22.5,22.5,22.5."),
    ] = None,
    psf_fwhm: Annotated[
        str | None,
        typer.Option(help="Width of the point spread function in each band, in arcseconds."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Side of the images in pixels: cut from tiles, or cropped about the centre."
        ),
    ] = None,
    resample: Annotated[
        float | None,
        typer.Option(
            help="Arcseconds a pixel to which images of different scales are brought; with --size."
        ),
    ] = None,
    label_threshold: Annotated[
        str | None,
        typer.Option(
            help=(
                "Of a column of vote fractions: from which on an image is of the class, such as"
                " 0.5; of two, such as 0.3,0.7, those between have no label."
            )
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Short name of the set.")] = None,
    id_column: Annotated[
        str | None, typer.Option("--id", help="Its column that names the images.")
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(help="Name or number of the table, where the catalogue's file holds several."),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(help="Name of the array of images, in a file that holds several."),
    ] = None,
    max_bad_pixels: Annotated[
        float,
        typer.Option(help="Share of NaN or masked pixels up to which bad pixels are interpolated."),
    ] = 0.1,
    zeros_unmeasured: Annotated[
        bool,
        typer.Option("--zeros-unmeasured", help="Take pixels that are exactly 0 as unmeasured."),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes; all cores, at most 8, by default. The result does not depend on it."
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Delete first what an earlier ingest wrote to DEST.")
    ] = False,
) -> None:
    """Read any images once into a galaxy set that training can use even if it is larger than
    memory.

    Run the same command again to resume. Galaxies that cannot be used are rejected and listed.
    """
    from daexplore.cli.shared.progress import stage_progress
    from daexplore.config import ReadConfig
    from daexplore.data.ingest import ingest as run

    read = ReadConfig(
        name=name,
        label=label,
        group=group,
        catalogue=catalogue,
        bands=_names(bands),
        pixel_scale=pixel_scale,
        zero_points=_numbers("--zero-points", zero_points),
        psf_fwhm=_numbers("--psf-fwhm", psf_fwhm),
        size=size,
        max_bad_pixels=max_bad_pixels,
        id=id_column,
        table=table,
        zeros_unmeasured=zeros_unmeasured,
        images=images,
        resample=resample,
        label_threshold=_numbers("--label-threshold", label_threshold),
    )
    complete = (dest / "galaxies.json").is_file() and not restart
    with stage_progress("ingesting") as progress:
        galaxies = run(source, dest, read, workers, progress=progress, restart=restart)
    print(galaxies)
    _print_account(galaxies)
    if complete:
        print(f"  was in {dest} already; every chunk is as it was written")
    else:
        _show(galaxies, dest)
    _print_aside(dest / "aside.csv")
    print(
        f"Compare it with another set: daexplore inspect {dest} OTHER\nTrain on them: daexplore"
        f" train --source {dest} --target OTHER"
    )


def _print_account(galaxies: "GalaxySet") -> None:
    from daexplore.data.account import account_of

    for line in account_of(galaxies).lines():
        print(f"  {line}")


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    names = _names(text)
    try:
        return None if names is None else tuple(float(part) for part in names)
    except ValueError as error:
        raise InputError(
            f"{option} must be numbers separated by commas, one for each band; got {text!r}."
        ) from error


def _show(galaxies: "GalaxySet", dest: Path) -> None:
    from daexplore.data.contact_sheet import contact_sheet

    sheet = dest / "contact-sheet.png"
    try:
        contact_sheet(galaxies).save(sheet)
    except OSError as error:
        print(f"  in {dest}; without a contact sheet: {error}")
    else:
        print(f"  in {dest}, some of them in {sheet}")


def _print_aside(table: Path) -> None:
    if not table.is_file():
        return
    with table.open(newline="") as file:
        rows = csv.reader(file)
        next(rows)
        first = list(islice(rows, _SHOWN))
        count = len(first) + sum(1 for _ in rows)
    print(f"{count} {'galaxy was' if count == 1 else 'galaxies were'} rejected, listed in {table}:")
    for name, reason in first:
        print(f"  {name}: {reason}")
    if count > len(first):
        print("  …")
