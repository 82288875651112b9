"""A training of seconds: its configuration, and everything that it produced."""

import json
from pathlib import Path

import pandas as pd
from safetensors.numpy import load_file

from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig

EPOCHS = 4


def config(folder, method="dann", seed=0, **options):
    alignments = () if method == "noda" else (AlignmentConfig(method),)
    settings = {
        "epochs": EPOCHS,
        "batch_size": 16,
        "evaluation_limit": 60,
        "saliency_limit": 10,
    } | options
    data = DataConfig(str(folder / "source"), str(folder / "target"))
    return RunConfig(data=data, alignments=alignments, train=TrainConfig(**settings), seed=seed)


def products(path: Path) -> dict[str, object]:
    """Everything that training, evaluation and selection produced, times and process aside."""
    found: dict[str, object] = {}
    for file in sorted(path.rglob("*")):
        name = str(file.relative_to(path))
        if file.suffix == ".safetensors":
            found |= {f"{name}:{key}": value.tobytes() for key, value in load_file(file).items()}
        elif file.name in ("outputs.parquet", "gradcam.parquet"):
            found[name] = pd.read_parquet(file).to_json(double_precision=15)
        elif file.name == "history.jsonl":
            found[name] = file.read_text()
    info = json.loads((path / "run.json").read_text())
    return found | {
        key: info[key]
        for key in (
            "evaluated",
            "selected_epoch",
            "selection",
            "metrics",
            "mmd_bandwidths",
            "status",
        )
    }
