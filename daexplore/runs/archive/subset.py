"""A run made small enough to travel with a package: fewer galaxies, fewer epochs, one network."""

import json
import shutil
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from daexplore.errors import InputError
from daexplore.runs.layout import evaluation_file, weights_file
from daexplore.runs.parquet import read_table, write_table
from daexplore.runs.run import Run
from daexplore.utils.files import atomic_write, write_json

__all__ = ["sample_of", "subset"]


def sample_of(run: Run, test: int, validation: int) -> list[str]:
    """The ids of at least so many evaluated images a domain, whole galaxies at a time, the same
    ones in every run of the same galaxies.

    Args:
        run: any of the runs.
        test: held-out test images a domain.
        validation: as above.
    """
    found = run.evaluation()
    frame = pd.DataFrame(
        {
            "id": found.sample_ids,
            "group": found.group_ids,
            "domain": found.domain,
            "split": found.split,
        }
    )
    ids: list[str] = []
    for split, count in (("test", test), ("validation", validation)):
        for _, images in frame[frame["split"] == split].groupby("domain"):
            groups = np.sort(images["group"].unique())
            order = groups[np.argsort(pd.util.hash_array(groups), kind="stable")]
            rank = images["group"].map({group: i for i, group in enumerate(order)})
            taken = rank.value_counts().sort_index().cumsum()
            last = int(np.searchsorted(taken.to_numpy(), count))
            ids += images["id"][rank <= last].tolist()
    return ids


def subset(
    run: Run,
    root: Path,
    epochs: Collection[int],
    sample_ids: Collection[str],
    simulated: Mapping[str, Any] | None = None,
) -> Run:
    """Write a smaller copy of a run below ``root``, under the same id. Its config stays, so it
    can be trained again whole.

    What is left out is said in run.json under ``thinned``; maps are left out too, since the network
    gives them again. The metrics there are those of the whole run.

    Args:
        run: a finished run.
        root: folder of runs; made if need be.
        epochs: those whose outputs and head are kept; the selected one, whose whole network is kept
            too, must be among them.
        sample_ids: the galaxies kept.
        simulated: what simulates both domains' galaxies again, see
            ``daexplore.data.datasets.describe``, for runs made before it was recorded.

    Raises:
        InputError: an epoch that the run does not have, or a run of that id in ``root``.
    """
    missing = sorted(set(epochs) - set(run.evaluated))
    if missing or run.selected_epoch not in epochs:
        raise InputError(
            f"Run {run.id} has the epochs {run.evaluated} and is represented by"
            f" {run.selected_epoch}; asked for {sorted(epochs)}."
        )
    path = root / run.id
    if path.exists():
        raise InputError(f"{path} exists already. Remove it first.")
    draft = root / f".{run.id}-{uuid.uuid4().hex[:8]}"
    try:
        draft.mkdir(parents=True)
        samples = run.samples.loc[list(sample_ids)].reset_index()
        samples.to_parquet(draft / "samples.parquet", index=False)
        for epoch in sorted(epochs):
            _outputs(run, draft, epoch, sample_ids)
            _weights(run, draft, epoch)
        _history(run, draft)
        about = {
            "galaxies": len(sample_ids),
            "of": len(run.samples),
            "networks": [run.selected_epoch],
            "evaluated": run.evaluated,
        }
        write_json(
            draft / "run.json",
            run.info
            | {
                "evaluated": sorted(epochs),
                "thinned": about,
                "data": _data(run, simulated),
            },
        )
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Run(path)


def _data(run: Run, simulated: Mapping[str, Any] | None) -> dict[str, object]:
    """Without the paths of the machine on which the run was made."""
    again = {} if simulated is None else {"simulated": dict(simulated)}
    return {domain: about | {"path": None} | again for domain, about in run.info["data"].items()}


def _outputs(run: Run, draft: Path, epoch: int, sample_ids: Collection[str]) -> None:
    table = read_table(evaluation_file(run.path, epoch), ("sample_id",))
    kept = table.filter(pc.is_in(table["sample_id"], pa.array(list(sample_ids))))
    write_table(evaluation_file(draft, epoch), {name: kept[name] for name in kept.column_names})


def _weights(run: Run, draft: Path, epoch: int) -> None:
    """The network of the selected epoch; of the others only the head, which the margin plane
    needs.
    """
    from safetensors.numpy import save

    with atomic_write(weights_file(draft, epoch)) as temporary:
        if epoch == run.selected_epoch:
            shutil.copyfile(weights_file(run.path, epoch), temporary)
        else:
            weight, bias = run.head(epoch)
            temporary.write_bytes(
                save({"head.weight": np.array(weight), "head.bias": np.array(bias)})
            )


def _history(run: Run, draft: Path) -> None:
    """Epoch by epoch: of the training losses, which are logged several times an epoch, the last of
    each epoch.
    """
    lines = [
        json.loads(line)
        for line in (run.path / "history.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    last = {
        (line["epoch"], line["split"], line["domain"], line["name"], bool(line.get("oracle"))): line
        for line in lines
    }
    (draft / "history.jsonl").write_text(
        "".join(f"{json.dumps(line)}\n" for line in last.values()), encoding="utf-8"
    )
