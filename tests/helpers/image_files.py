"""Image files for the readers' tests: made-up ones, and the real ones beside the repository."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "galaxy_zoo_examples"
N = 6


def images(n=N, bands=3, size=8, dtype=np.float32):
    return np.random.default_rng(0).normal(size=(n, bands, size, size)).astype(dtype)


def save_folder(folder, table, mode="RGB", size=(10, 8), suffix="png"):
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    table = pd.DataFrame(table)
    if "filename" not in table:
        table.insert(0, "filename", [f"{i}.{suffix}" for i in range(len(table))])
    for filename in table["filename"]:
        shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
        Image.fromarray(generator.integers(0, 256, shape).astype(np.uint8)).save(folder / filename)
    table.to_csv(folder / "catalogue.csv", index=False)
    return folder
