"""An inspection as its JSON holds it, made in a moment: a deep source without noise, a noisy
target, one planted leak.
"""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

BANDS = ("g", "r", "i")
QUANTITIES = {
    "total_snr": ("signal-to-noise of the galaxy", "", "log", BANDS),
    "noise": ("noise", "nJy", "log", BANDS),
    "colour": ("colour", "mag", "linear", ("g-r", "r-i")),
    "half_light_radius": ("half-light radius", "arcsec", "linear", ("r",)),
}
VERDICT = (
    "Source and target are far apart: a classifier tells them apart from pixels with AUC 0.998"
    " [0.996, 0.999]."
)


def make_inspection(leak: bool = True, labelled: bool = True) -> dict[str, Any]:
    """The JSON of an inspection.

    Args:
        leak: whether a turned copy of a source image is found in another split.
        labelled: whether the target has labels.
    """
    tables = {
        "domains": _domains(),
        "probe": pd.DataFrame(
            [
                ("as they come", 0.998, 0.996, 0.999, "far apart", 300, 280, 5),
                ("normalised", 0.941, 0.921, 0.957, "far apart", 300, 280, 5),
            ],
            columns=["images", "auc", "low", "high", "verdict", "n_source", "n_target", "folds"],
        ),
        "distances": _distances(),
        "summaries": _summaries(),
        "distributions": _distributions(),
        "histograms": _histograms(),
        "spectrum": _spectrum(),
        "classes": _classes(labelled),
        "values": _values(),
        "duplicates": _duplicates(leak),
        "leakage": pd.DataFrame(
            [
                (
                    "duplicates",
                    int(leak),
                    580,
                    leak,
                    (
                        "1 pair of near-duplicates lies in different splits."
                        if leak
                        else "No duplicates."
                    ),
                ),
                ("groups", 0, 560, False, "No galaxy is in two splits."),
            ],
            columns=["check", "count", "of", "problem", "words"],
        ),
    }
    return {
        "format": 1,
        "verdict": "far apart",
        "sentences": [VERDICT, "The largest difference is noise in g (×35) <b>."],
        "warnings": (
            ["One galaxy of the training split is in the test split too, turned by 90 degrees."]
            if leak
            else []
        ),
        "advice": ["Match the pixel scales with --set data.pixel_scale=0.396."],
        "numbers": {
            "prior_shift": {"value": 0.3, "low": 0.25, "high": 0.34, "oracle": True},
            "shared_groups": 0,
            "duplicate_pairs": int(leak),
            "leaks": int(leak),
            "duplicates_searched": 580,
            "similarity_threshold": 0.95,
            "seed": 0,
            "source": {
                "name": "sims",
                "fingerprint": "0" * 16,
                "path": "/data/sims",
                "classes": ["non-merger", "merger"],
            },
            "target": {
                "name": "survey",
                "fingerprint": "1" * 16,
                "path": "/data/survey",
                "classes": ["non-merger", "merger"],
            },
        },
        "tables": {name: _split(table) for name, table in tables.items()},
        "walls": [
            _wall(domain, label)
            for domain in ("source", "target")
            for label in _labels(domain, labelled)
        ],
        "pairs": (
            [{"sample_id_a": "sims/1", "sample_id_b": "sims/7", "png_a": _png(4), "png_b": _png(5)}]
            if leak
            else []
        ),
    }


def _labels(domain: str, labelled: bool) -> tuple[str, ...]:
    return ("non-merger", "merger") if domain == "source" or labelled else ("unlabelled",)


def _domains() -> pd.DataFrame:
    rows = [
        ("source", "sims", 1000, 300, 500, True, "g, r, i", 64, 64, 0.2, True),
        ("target", "survey", 4000, 280, 4000, False, "g, r, i", 64, 64, np.nan, False),
    ]
    names = [
        "domain",
        "name",
        "images",
        "used",
        "galaxies",
        "groups_known",
        "bands",
        "height",
        "width",
        "pixel_scale",
        "nanojansky",
    ]
    return pd.DataFrame(rows, columns=names)


def _each() -> list[tuple[int, str, str]]:
    return [
        (i, quantity, band)
        for i, (quantity, about) in enumerate(QUANTITIES.items())
        for band in about[3]
    ]


def _distances() -> pd.DataFrame:
    rows = []
    for i, quantity, band in _each():
        label, unit, scale, _ = QUANTITIES[quantity]
        ks = 0.9 / (1 + i)
        words = f"{label} in {band} (×35)"
        rows.append(
            (
                quantity,
                band,
                label,
                unit,
                scale,
                1.0,
                35.0,
                35.0,
                30,
                40,
                ks,
                ks - 0.05,
                ks + 0.05,
                0.25,
                300,
                280,
                words,
            )
        )
    names = (
        "quantity band label unit scale source target change change_low change_high ks ks_low"
        " ks_high chance n_source n_target words"
    )
    return pd.DataFrame(rows, columns=names.split())


def _summaries() -> pd.DataFrame:
    rows = []
    for domain, factor in (("source", 1.0), ("target", 4.0)):
        for _, quantity, band in _each():
            label, unit, scale, _ = QUANTITIES[quantity]
            rows.append(
                (
                    domain,
                    quantity,
                    band,
                    label,
                    unit,
                    scale,
                    280,
                    3,
                    factor,
                    factor - 0.1,
                    factor + 0.1,
                    0.1,
                    0.3,
                    7.0,
                    9.0,
                )
            )
    names = "domain quantity band label unit scale n undefined median low high p05 p16 p84 p95"
    return pd.DataFrame(rows, columns=names.split())


def _distributions() -> pd.DataFrame:
    rows = []
    for domain, centre in (("source", 8.0), ("target", 14.0)):
        for _, quantity, band in _each():
            logarithmic = QUANTITIES[quantity][2] == "log"
            edges = np.geomspace(0.1, 100, 25) if logarithmic else np.linspace(-1, 2, 25)
            share = np.exp(-0.5 * ((np.arange(24) - centre) / 3) ** 2)
            rows += [
                (domain, quantity, band, *bin)
                for bin in zip(edges[:-1], edges[1:], share / share.sum(), strict=True)
            ]
    return pd.DataFrame(rows, columns=["domain", "quantity", "band", "left", "right", "share"])


def _histograms() -> pd.DataFrame:
    rows = []
    edges = np.sinh(np.linspace(-3, 8, 61)) * 0.02
    for domain, width in (("source", 3.0), ("target", 9.0)):
        for band in BANDS:
            share = np.exp(-0.5 * ((np.arange(60) - 20) / width) ** 2)
            rows += [
                (domain, band, *bin)
                for bin in zip(edges[:-1], edges[1:], share / share.sum(), strict=True)
            ]
    return pd.DataFrame(rows, columns=["domain", "band", "left", "right", "share"])


def _spectrum() -> pd.DataFrame:
    rows = []
    frequency = np.linspace(0.01, 0.5, 30)
    for domain, floor in (("source", 1e-4), ("target", 0.3)):
        for band in BANDS:
            power = 50 * np.exp(-((frequency / 0.08) ** 2)) + floor
            rows += [
                (domain, band, f, np.nan, p, 0.6 * p, 1.6 * p, 280)
                for f, p in zip(frequency, power, strict=True)
            ]
    return pd.DataFrame(
        rows,
        columns=["domain", "band", "frequency", "frequency_arcsec", "power", "p16", "p84", "n"],
    )


def _classes(labelled: bool) -> pd.DataFrame:
    rows = [
        ("source", "non-merger", 600, 300, 0.6, False),
        ("source", "merger", 400, 200, 0.4, False),
    ]
    if labelled:
        rows += [
            ("target", "non-merger", 3600, 3600, 0.9, True),
            ("target", "merger", 400, 400, 0.1, True),
        ]
    else:
        rows += [("target", "unlabelled", 4000, 4000, np.nan, False)]
    return pd.DataFrame(rows, columns=["domain", "label", "images", "galaxies", "share", "oracle"])


def _values() -> pd.DataFrame:
    names = (
        "domain band images missing_images missing_pixels saturated_images saturated_pixels"
        " zero_pixels constant_images"
    )
    rows = [("source", band, 300, 0, 0.0, 0, 0.0, 0.42, 0) for band in BANDS]
    rows += [("target", band, 280, 12, 0.003, 0, 0.0, 0.0, 0) for band in BANDS]
    return pd.DataFrame(rows, columns=names.split())


def _duplicates(leak: bool) -> pd.DataFrame:
    names = (
        "sample_id_a sample_id_b domain_a domain_b split_a split_b group_a group_b label_a label_b"
        " similarity angle mirrored cluster leak"
    )
    row = (
        "sims/1",
        "sims/7",
        "source",
        "source",
        "train",
        "test",
        "1",
        "7",
        "merger",
        "merger",
        0.998,
        90,
        False,
        0,
        True,
    )
    return pd.DataFrame([row] if leak else [], columns=names.split())


def _wall(domain: str, label: str) -> dict[str, Any]:
    ids = [f"{domain}/{i}" for i in range(16)]
    oracle = domain == "target" and label != "unlabelled"
    wall = {
        "domain": domain,
        "label": label,
        "n": 16,
        "total": 400,
        "sample_ids": ids,
        "columns": 8,
    }
    return wall | {"png": _png(8, 8 * 32, 2 * 32), "oracle": oracle}


def _png(seed: int, width: int = 48, height: int = 48) -> str:
    noise = np.random.default_rng(seed).integers(0, 120, (height, width, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _split(table: pd.DataFrame) -> dict[str, Any]:
    table = table.astype(object).where(table.notna(), None)
    return {
        "columns": list(table.columns),
        "data": [[_plain(value) for value in row] for row in table.itertuples(index=False)],
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
