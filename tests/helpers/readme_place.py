"""What README's commands find before them, runs and images under the names that README gives them,
and a server that one of them starts.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from blocks import environment
from process import Server, free_port

from daexplore.cli.shared.options import run_config
from daexplore.data import GalaxySet
from daexplore.data.simulate import open_preset
from daexplore.engine.training.train import train
from daexplore.runs import Run

N = 96  # images a domain
FEW = ("--set", f"data.simulated={N}")
RUNS = {"RUN": "mmd", "OTHER": "noda", "STOPPED": "dann"}


def build_tab(folder: Path) -> dict[str, str]:
    """Make the files; returns what README's words in capitals stand for."""
    source, target = open_preset("demo", N)
    _write_cutouts(folder / "simulated_galaxies", source, labelled=True)
    _write_cutouts(folder / "survey_images", target, labelled=False)
    for name, galaxies in (
        ("SOURCE_{}_Illustris2_pristine", source),
        ("TARGET_{}_Illustris2_noisy", target),
    ):
        np.save(folder / f"SimSim_{name.format('X')}.npy", galaxies.images)
        np.save(folder / f"SimSim_{name.format('y')}.npy", galaxies.labels)
    _write_tiles(folder, target)
    for galaxies in (source, target):
        galaxies.save(folder / "DATA" / galaxies.name)
    target.save(folder / "survey")
    # Beside a run that is not finished nothing is compared.
    homes = {word: "begun" if word == "STOPPED" else "runs" for word in RUNS}
    return {
        word: f"{home}/{_train(folder / home, RUNS[word], stop=word == 'STOPPED').path.name}"
        for word, home in homes.items()
    }


def _train(runs: Path, method: str, stop: bool) -> Run:
    """A run of two epochs; with ``stop`` one that was interrupted in the second."""

    def report(progress: object) -> None:
        if stop and (getattr(progress, "stage", ""), getattr(progress, "epoch", 0)) == (
            "training",
            2,
        ):
            raise KeyboardInterrupt

    config = run_config(
        "demo", None, None, None, method, None, 2, None, None, [FEW[1], "train.saliency_limit=8"]
    )
    try:
        return train(config, runs, report=report)
    except KeyboardInterrupt:
        (path,) = runs.glob(f"*-{method}-*")
        return Run(path)


def _write_cutouts(folder: Path, galaxies: GalaxySet, labelled: bool) -> None:
    folder.mkdir()
    names = [f"{row:04d}.fits" for row in range(len(galaxies))]
    bands = {f"BAND{channel}": band for channel, band in enumerate(galaxies.bands)}
    for name, image in zip(names, np.asarray(galaxies.images), strict=True):
        fits.writeto(folder / name, image, fits.Header({"PIXSCALE": galaxies.pixel_scale} | bands))
    table = pd.DataFrame({"filename": names, "group_id": galaxies.catalogue["group_id"].to_numpy()})
    if labelled:
        table["morphology"] = [galaxies.classes[label] for label in galaxies.labels]
    table.to_csv(folder / "catalogue.csv", index=False)


def _write_tiles(folder: Path, galaxies: GalaxySet) -> None:
    """All galaxies on one field, a file a band, and where they are as an ECSV table."""
    size, across = galaxies.images.shape[-1], int(np.ceil(np.sqrt(len(galaxies))))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = (
        ["RA---TAN", "DEC--TAN"],
        [150.0, 2.0],
        [size * across / 2] * 2,
    )
    wcs.wcs.cd = np.diag([-1, 1]) * galaxies.pixel_scale / 3600
    field = np.zeros((len(galaxies.bands), size * across, size * across), np.float32)
    corners = [(row // across * size, row % across * size) for row in range(len(galaxies))]
    for (y, x), image in zip(corners, np.asarray(galaxies.images), strict=True):
        field[:, y : y + size, x : x + size] = image
    (folder / "survey_tiles").mkdir()
    for band, pixels in zip(galaxies.bands, field, strict=True):
        header = wcs.to_header()
        header["FILTER"] = band
        fits.writeto(folder / "survey_tiles" / f"field1_{band}.fits", pixels, header)
    ra, dec = wcs.all_pix2world(np.array([(x, y) for y, x in corners]) + size / 2, 0).T
    table = Table({"id": [f"g{row:04d}" for row in range(len(galaxies))], "RA": ra, "Dec": dec})
    table.write(folder / "galaxies.ecsv")


class Started(Server):
    """A command of README that serves a page, on a port of its own, over a folder of runs."""

    def __init__(self, command: str, page: str, runs: Path, log: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/{page}"
        words = [str(runs) if word == "runs" else word for word in command.split()] + [
            "--port",
            str(port),
        ]
        words += ["--no-browser"] if "explore" in words else []
        surroundings = environment(runs.parent / "cache") | {"DAEXPLORE_RUNS": str(runs)}
        super().__init__(words, surroundings, f"http://127.0.0.1:{port}/favicon.ico", log)
