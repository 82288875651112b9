"""One entrance for every kind of input: the reader is found by what the input is, never by asking the user."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from daexplore.data.galaxies import GalaxySet
from daexplore.data.readers.folder import CATALOGUE, read_folder
from daexplore.data.readers.npy import read_npy
from daexplore.errors import InputError

__all__ = ["read_galaxies"]

_UNDERSTOOD = f"""Understood are:
  a folder with galaxies.json        a galaxy set, as `daexplore simulate` writes it
  a folder with {CATALOGUE}        PNG or JPEG images, one catalogue row each (filename, label, …)
  a .npy file                        images (N, channels, height, width), their labels in a file named alike with _y_ or _y"""


def read_galaxies(
    path: str | Path,
    name: str | None = None,
    bands: Sequence[str] | None = None,
    pixel_scale: float | None = None,
    label: str | None = None,
) -> GalaxySet:
    """Opens galaxy images and their catalogue, whatever of the understood kinds they are.

    Where a file can be memory-mapped its pixels are not read here; ``check_domains`` reads them once, before a training.

    Args:
        path: a galaxy set's folder, a folder (or its catalogue.csv) of PNG or JPEG images, or a .npy file of images.
        name: short name of the set, with which its sample ids begin; None takes the one in the file, or the file's or folder's name.
        bands: names of the channels; None takes the ones in the file, the colours of a colour image, or plain numbers.
        pixel_scale: [arcsec / pixel]; None takes the one in the file, if any.
        label: the column of catalogue.csv that holds the class; None takes label, class, morphology or merger, the first there is.
            The other kinds of input know their labels.

    Raises:
        InputError: the input is not there, is of no understood kind, or cannot be used as it is.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise InputError(f"There is nothing at {path}. {_UNDERSTOOD}")
    if path.name.lower() in (CATALOGUE, "galaxies.json"):
        path = path.parent
    if (path / "galaxies.json").is_file():
        return _renamed(GalaxySet.load(path), name, bands, pixel_scale)
    if (path / CATALOGUE).is_file():
        return read_folder(path, name, bands, pixel_scale, label)
    if path.is_file() and path.suffix.lower() == ".npy":
        return read_npy(path, name, bands, pixel_scale)
    kind = "folder holds neither" if path.is_dir() else f"kind of file ({path.suffix or 'no suffix'}) is none of them"
    raise InputError(f"Cannot tell what {path} is: the {kind}. {_UNDERSTOOD}")


def _renamed(galaxies: GalaxySet, name: str | None, bands: Sequence[str] | None, pixel_scale: float | None) -> GalaxySet:
    """A stored set under what the caller declares; sample ids keep their text after the old name."""
    catalogue = galaxies.catalogue
    if name is not None and name != galaxies.name:
        sample_ids = [f"{name}/{sample_id.removeprefix(f'{galaxies.name}/')}" for sample_id in catalogue["sample_id"]]
        catalogue = catalogue.assign(sample_id=sample_ids)
    return dataclasses.replace(
        galaxies,
        catalogue=catalogue,
        name=galaxies.name if name is None else name,
        bands=galaxies.bands if bands is None else tuple(bands),
        pixel_scale=galaxies.pixel_scale if pixel_scale is None else pixel_scale,
    )
