"""Findings of an inspection as sentences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["advice", "findings", "warnings"]

_NAMED = 3
_RARE = 0.1
_PRIOR_SHIFT = 0.1


def findings(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What was found, most important first."""
    probe = found["probe"].set_index("images")
    first = probe.loc["as they come"]
    said = [f"{_verdict(str(first['verdict']))} {_auc(first)}{_seen(found['domains'])}."]
    if "normalised" in probe.index:
        second = probe.loc["normalised"]
        verdict = _short(str(second["verdict"]))
        said.append(
            "Preprocessed for a training, and each image on its own level and scale, they are"
            f" {verdict}: {_auc(second)}."
        )
    said.append(_differences(found["distances"]))
    shift = found["numbers"]["prior_shift"]
    if shift is not None:
        said.append(
            f"The shares of the classes differ by {shift['value']:.2f} [{shift['low']:.2f},"
            f" {shift['high']:.2f}] (total variation distance; oracle: it uses target labels)."
        )
    searched = found["numbers"]["duplicates_searched"]
    pairs, leaks = found["numbers"]["duplicate_pairs"], found["numbers"]["leaks"]
    if pairs:
        said.append(
            f"{pairs} pairs of images look like one galaxy under two names, {leaks} of them in"
            " different splits."
        )
    else:
        said.append(
            f"No galaxy was found in two groups, which could be in two splits, among {searched}"
            " images."
        )
    shared = found["numbers"]["shared_groups"]
    if shared:
        said.append(f"{shared} galaxies are in both domains; they are held out together.")
    return tuple(said)


def warnings(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What may spoil a training or its evaluation."""
    said = found["leakage"].loc[found["leakage"]["problem"], "words"].tolist()
    for domain, rows in found["values"].groupby("domain"):
        for column, what in (
            ("missing_images", "missing (NaN or infinite) pixels"),
            ("constant_images", "nothing but one value"),
        ):
            worst = rows.loc[rows[column].idxmax()]
            if worst[column]:
                said.append(
                    f"{int(worst[column])} of {int(worst['images'])} {domain} images have {what} in"
                    f" {worst['band']}."
                )
    rare = found["classes"]
    rare = rare[(rare["domain"] == "source") & (rare["share"] < _RARE)]
    said += [
        f"Only {row['share']:.0%} of the source is {row['label']!r}: {row['images']} images."
        for row in rare.to_dict("records")
    ]
    sizes = found["domains"][["height", "width"]].drop_duplicates()
    if len(sizes) > 1:
        said.append(
            "The domains' images have different sizes; a training crops or pads the target to the"
            " source's."
        )
    scales = found["domains"]["pixel_scale"].dropna()
    if len(scales) == 2 and not np.isclose(scales.iloc[0], scales.iloc[1], rtol=0.01):
        said.append(
            f"The pixel scales differ: {scales.iloc[0]:g} and {scales.iloc[1]:g} arcsec / pixel."
        )
    return tuple(said)


def advice(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What to do next."""
    said = []
    domains = found["domains"]
    if found["numbers"]["leaks"]:
        said.append(
            "Give copies of one galaxy the same group (column group_id or --group), so that they"
            " stay in one split."
        )
    if not domains["groups_known"].all():
        said.append(
            "If several images show one galaxy, name the column that says so (--group when"
            " ingesting)."
        )
    scales = domains["pixel_scale"].dropna()
    if len(scales) == 2 and not np.isclose(scales.iloc[0], scales.iloc[1], rtol=0.01):
        said.append(f"Bring both to one pixel scale: --set data.pixel_scale={scales.max():g}.")
    shift = found["numbers"]["prior_shift"]
    if shift is not None and shift["low"] > _PRIOR_SHIFT:
        said.append(
            "The class shares differ: aligning whole distributions can then push classes onto each"
            " other; watch each class."
        )
    verdict = str(found["probe"]["verdict"].iloc[-1])
    if verdict in ("far apart", "apart"):
        said.append(
            "Train without and with alignment and compare: daexplore train --method noda, then"
            " --method mmd."
        )
    elif verdict == "the same":
        said.append(
            "There is little for an alignment to do: a training without one (--method noda) is the"
            " one to beat."
        )
    else:
        said.append("Bring more images: these are too few to decide whether the domains differ.")
    return tuple(said)


def _verdict(verdict: str) -> str:
    return {
        "far apart": "Source and target are far apart: from pixels alone",
        "apart": "Source and target are apart: from pixels alone",
        "the same": "Source and target look the same: from pixels alone",
        "too few to decide": (
            "There are too few images to decide whether source and target differ: from pixels alone"
        ),
    }[verdict]


def _short(verdict: str) -> str:
    return "too few to decide" if verdict == "too few to decide" else verdict


def _auc(row: pd.Series) -> str:
    if not np.isfinite(row["auc"]):
        return "no classifier can be tested"
    return (
        f"a classifier separates them with AUC {row['auc']:.3f} [{row['low']:.3f},"
        f" {row['high']:.3f}] (0.5 is chance)"
    )


def _seen(domains: pd.DataFrame) -> str:
    parts = [
        f"{row['used']} of {row['images']} {row['domain']} images"
        for row in domains.to_dict("records")
    ]
    return ", measured on " + " and ".join(parts)


def _differences(distances: pd.DataFrame) -> str:
    """Each quantity once, with its most different band; only what chance does not explain."""
    beyond = distances[distances["ks"] > distances["chance"]]
    if beyond.empty:
        return "No measured quantity differs by more than chance explains."
    most = beyond.drop_duplicates("quantity").head(_NAMED)
    parts = [f"{row['words']}, distance {row['ks']:.2f}" for row in most.to_dict("records")]
    count = beyond["quantity"].nunique()
    more = (
        f"; {count} of {distances['quantity'].nunique()} measured quantities differ by more than"
        " chance explains"
    )
    return f"They differ most in {'; '.join(parts)}{more}."
