"""Domain distance of a run in latent space, with chance levels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.domains import DOMAINS
from daexplore.engine.distance.measures import (
    Settings,
    measure_distance,
    measures_table,
    witness_table,
)
from daexplore.engine.progress import Report, no_report
from daexplore.engine.result_cache import outputs_digest
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.runs import Run
from daexplore.utils.files import read_json, to_json, write_if_possible

__all__ = ["DomainDistance", "domain_distance"]

# Raised whenever the numbers would come out differently, so that kept ones are computed again.
_VERSION = 1
_FEWEST = 10


@dataclass(frozen=True, eq=False)
class DomainDistance:
    """What was found about one epoch and split of one run. Latents are in units of the source's
    spread.

    Attributes:
        about: run, label, method, seed, epoch, split, number of images (``images``) and galaxies
            (``galaxies``: of each domain, and seen in ``both``), bandwidths, permutations, and the
            seed of the draws.
        measures: one row a number: name ("mmd2", "class_mmd2", "probe_auc", "a_distance",
            "sinkhorn"), ``kind`` (the class of a "class_mmd2", else ""), value, low and high (95%
            interval over galaxies; NaN where none is given), p_value, effect, null_low and
            null_high (the central 95% of what relabelled galaxies give), n_source and n_target
            (images), split, domains, and oracle: whether target labels were used.
        null: (P,) the MMD^2 of relabelled galaxies.
        witness: indexed by sample_id: domain, predicted, witness (positive where the source is
            denser), and margin: the distance to the decision boundary, see ``analysis.boundary``;
            NaN where the epoch's weights were not kept.
    """

    metadata: dict[str, Any]
    measures: pd.DataFrame
    null: NDArray[np.float64]
    witness: pd.DataFrame

    def measure(self, name: str, kind: str = "", oracle: bool = False) -> dict[str, Any]:
        """One row of ``measures``.

        Raises:
            InputError: there is none.
        """
        rows = self.measures[
            (self.measures["name"] == name)
            & (self.measures["kind"] == kind)
            & (self.measures["oracle"] == oracle)
        ]
        if rows.empty:
            raise InputError(
                f"There is no measure {name!r} of {kind or 'all galaxies'}; there are"
                f" {sorted(set(self.measures['name']))}."
            )
        return {str(key): value for key, value in rows.iloc[0].items()}

    def extremes(self, count: int = 5) -> dict[str, dict[str, list[str]]]:
        """Domain -> the ids of its ``most_source_like`` and ``most_target_like`` galaxies, the
        extreme one first.
        """
        found = {}
        for domain in DOMAINS:
            ordered = (
                self.witness.loc[self.witness["domain"] == domain, "witness"]
                .dropna()
                .sort_values(kind="stable")
            )
            ids = [str(name) for name in ordered.index]
            found[domain] = {"most_source_like": ids[::-1][:count], "most_target_like": ids[:count]}
        return found

    @property
    def summary(self) -> str:
        """One line: whether the domains can be distinguished, and how well."""
        mmd, probe = self.measure("mmd2"), self.measure("probe_auc")
        verdict = "differ" if mmd["p_value"] <= 0.05 else "do not differ significantly in this test"
        return (
            f"{self.metadata['label']}, epoch {self.metadata['epoch']}, {self.metadata['split']}:"
            f" the latents of {mmd['n_source']} source and {mmd['n_target']} target images"
            f" {verdict}: MMD² {mmd['value']:.4g}, by chance {mmd['null_low']:.2g} to"
            f" {mmd['null_high']:.2g} (p = {mmd['p_value']:.3g}, {mmd['effect']:.1f} σ); domain"
            f" probe AUC {probe['value']:.3f} [{probe['low']:.3f}, {probe['high']:.3f}]."
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it but the table of witness values, as JSON types; null for what is not
        defined.
        """
        rows = self.measures.astype(object).where(self.measures.notna(), None).to_dict("records")
        return {
            "about": self.metadata,
            "summary": self.summary,
            "measures": rows,
            "null": self.null.tolist(),
            "extremes": self.extremes(),
        }


def domain_distance(
    run: Run,
    epoch: int | None = None,
    split: str = "test",
    permutations: int = 1000,
    seed: int = 0,
    most: int = 4000,
    report: Report = no_report,
) -> DomainDistance:
    """Measure how far apart a run's domains are, from the whole latent of held-out galaxies; kept
    in the run's ``derived`` folder.

    Only what is marked oracle has seen a target label. Classes are the network's predictions in
    both domains, so that equal domains differ by chance alone, and the true ones in both for the
    oracle.

    Args:
        run: the run.
        epoch: None takes the selected one.
        split: "test" or "validation".
        permutations: of each MMD test; also the number of bootstrap resamples.
        seed: of permutations, resamples, folds, and the choice of galaxies.
        most: images a domain that are compared at most; whole galaxies are chosen at random. The
            witness is given for all.
        report: called with the progress.

    Raises:
        InputError: no such epoch or split, too few galaxies, or latents that are not finite.
    """
    if split not in ("test", "validation"):
        raise InputError(f"Held-out galaxies are in the split test or validation; got {split!r}.")
    found = run.evaluation(epoch)
    counts = [int(found.mask(domain, split).sum()) for domain in DOMAINS]
    if min(counts) < _FEWEST:
        raise InputError(
            f"Run {run.id} has {counts[0]} source and {counts[1]} target images in {split}; at"
            f" least {_FEWEST} of each are needed. Choose another split, or train with more images."
        )
    if not np.isfinite(found.latents).all():
        raise InputError(
            f"Run {run.id}, epoch {found.epoch}: latents hold NaN or infinite values. Choose"
            " another epoch, or train it again."
        )
    bandwidths = tuple(float(value) for value in run.info.get("mmd_bandwidths") or SCALES)
    settings = Settings(bandwidths, permutations, seed, most)
    digest = outputs_digest((_VERSION, settings), [found])[:8]
    stem = f"domain-distance-epoch={found.epoch:04d}-{split}-{digest}"
    if (kept := _read(run, stem)) is not None:
        return kept
    about, measures, null, chosen = measure_distance(found, split, run.classes, settings, report)
    about = {"run": run.id, "label": run.label, "method": run.method, "run_seed": run.seed} | about
    measured = DomainDistance(
        about, measures, null, witness_table(run, found, split, chosen, settings)
    )
    _keep(run, stem, measured)
    return measured


def _keep(run: Run, stem: str, measured: DomainDistance) -> None:
    """The JSON is written last: where it is, the table is too."""
    with write_if_possible(run.derived(f"{stem}.parquet")) as temporary:
        measured.witness.reset_index().to_parquet(temporary)
    with write_if_possible(run.derived(f"{stem}.json")) as temporary:
        temporary.write_text(to_json(measured.to_dict()), encoding="utf-8")


def _read(run: Run, stem: str) -> DomainDistance | None:
    try:
        kept = read_json(run.derived(f"{stem}.json"))
        table = pd.read_parquet(run.derived(f"{stem}.parquet")).set_index("sample_id")
        return DomainDistance(
            kept["about"],
            measures_table(kept["measures"]),
            np.array(kept["null"], np.float64),
            table,
        )
    except (InputError, OSError, KeyError, ValueError):
        # Missing or damaged: it can be computed again.
        return None
