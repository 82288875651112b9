"""Check that a run is complete and readable before it is exported."""

import numbers
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from daexplore.errors import InputError
from daexplore.runs.layout import weights_file
from daexplore.runs.run import Run

__all__ = ["verify_run"]

_STATUS = ("running", "stopped", "finished", "failed")
_KINDS: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "created": (str,),
    "status": (str,),
    "method": (str,),
    "seed": (int,),
    "latent_dim": (int,),
    "classes": (list,),
    "evaluated": (list,),
    "config": (dict,),
    "data": (dict,),
    "metrics": (dict,),
    "progress": (dict,),
    "error": (str, type(None)),
    "selected_epoch": (int, type(None)),
    "process": (dict, type(None)),
}


def verify_run(run: Run) -> None:
    """Read every file of a run.

    Raises:
        InputError: the first thing that is missing, damaged or not of the kind expected.
    """
    file = run.path / "run.json"
    _check_kinds(run.info, str(file))
    _ = run.config
    run.check()
    run.history()
    samples = run.samples
    for epoch in run.evaluated:
        weight, bias = run.head(epoch)
        evaluation = run.evaluation(epoch)
        expected = {"logits": len(run.classes), "latents": run.info["latent_dim"]}
        found = {"logits": evaluation.logits.shape[1], "latents": evaluation.latents.shape[1]}
        if found != expected and len(evaluation):
            raise InputError(f"{run.path}: epoch {epoch} has {found}; run.json says {expected}.")
        if weight.shape != (expected["logits"], expected["latents"]) or bias.shape != (
            expected["logits"],
        ):
            raise InputError(
                f"{weights_file(run.path, epoch)}: the head is {weight.shape} and {bias.shape};"
                f" run.json says {expected}."
            )
    for epoch in set(run.saliency_epochs) & set(run.evaluated):
        run.saliency(epoch)
    if samples["label"].max() >= len(run.classes):
        raise InputError(
            f"{run.path / 'samples.parquet'}: label {samples['label'].max()} has no name; classes:"
            f" {', '.join(run.classes)}."
        )


def _check_kinds(info: Mapping[str, Any], file: str) -> None:
    for name, kinds in _KINDS.items():
        # True is an int to Python, not to a reader.
        if not isinstance(info.get(name), kinds) or isinstance(info.get(name), bool):
            raise InputError(
                f"{file}: expected {name!r} to be {kinds[0].__name__}, got"
                f" {type(info.get(name)).__name__}."
            )
    if info["status"] not in _STATUS:
        raise InputError(f"{file}: status must be {', '.join(_STATUS)}; got {info['status']!r}.")
    try:
        datetime.fromisoformat(info["created"])
    except ValueError as error:
        raise InputError(
            f"{file}: created must be a time such as 2026-01-31T12:00:00Z; got {info['created']!r}."
        ) from error
    if len(info["classes"]) < 2 or not all(isinstance(name, str) for name in info["classes"]):
        raise InputError(
            f"{file}: expected the names of two classes or more, got {info['classes']!r}."
        )
    if not all(
        isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 0
        for epoch in info["evaluated"]
    ):
        raise InputError(f"{file}: evaluated must list epochs, got {info['evaluated']!r}.")
    if not all(isinstance(told, dict) for told in info["data"].values()) or not {
        "source",
        "target",
    } <= set(info["data"]):
        raise InputError(f"{file}: expected data of source and target, got {list(info['data'])}.")
    _check_metrics(info["metrics"], file)


def _check_metrics(metrics: Mapping[str, Any], file: str) -> None:
    for domain, splits in metrics.items():
        for split, entries in splits.items() if isinstance(splits, dict) else [("?", None)]:
            for name, entry in entries.items() if isinstance(entries, dict) else [("?", None)]:
                value = entry.get("value") if isinstance(entry, dict) else "nothing"
                if value is not None and not isinstance(value, numbers.Real):
                    raise InputError(
                        f"{file}: expected a number in metrics.{domain}.{split}.{name}, got"
                        f" {value!r}."
                    )
