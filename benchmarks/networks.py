"""What observing conditions and networks cost, as ratios to a plain step of DeepMerge.

    python -m benchmarks.networks

trains the same batches of simulated galaxies (64 images of 75 x 75 pixels in 3 bands, MMD) in turns
on one thread, and writes the ratios of the medians to docs/results/networks.json.
"""

import dataclasses
import json
import statistics
import time
from pathlib import Path

import torch

from daexplore.config import (
    DRAWN,
    MEASURED,
    AlignmentConfig,
    ConditionsConfig,
    ModelConfig,
    RunConfig,
    preset,
    replace_at,
)
from daexplore.engine.training.data import build_loader, prepare_data
from daexplore.engine.training.setup import build_adapter

FILE = Path(__file__).resolve().parents[1] / "docs" / "results" / "networks.json"
ROUNDS = 12


def case(
    network: str = "deepmerge",
    conditions: ConditionsConfig | None = None,
    options: dict[str, object] | None = None,
) -> RunConfig:
    """A training with MMD on 400 galaxies."""
    config = replace_at(preset("demo"), "data.simulated", 400)
    train = dataclasses.replace(config.train, conditions=conditions)
    return dataclasses.replace(
        config,
        train=train,
        model=ModelConfig(network, options or {}),
        alignments=(AlignmentConfig("mmd"),),
    )


CASES = {
    "plain": case(),
    "conditions drawn": case(conditions=DRAWN),
    "conditions measured": case(conditions=MEASURED),
    "d4-deepmerge": case("d4-deepmerge"),
    "resnet18": case("resnet18"),
    "efficientnet-lite0 frozen, 128 px": case(
        "efficientnet-lite0", options={"resize": 128, "tuning": "frozen"}
    ),
    "efficientnet-lite0 tuned, 128 px": case(
        "efficientnet-lite0", options={"resize": 128, "tuning": "full"}
    ),
}


def main() -> None:
    """Measure the cases in turns and write the ratios."""
    torch.set_num_threads(1)
    made = {}
    for name, config in CASES.items():
        data = prepare_data(config.data, 50)
        made[name] = (build_loader(data, config), build_adapter(config, data).train())
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    for turn in range(ROUNDS):
        for name, (loader, step) in made.items():
            loader.epoch = turn + 1
            started = time.perf_counter()
            batch = next(iter(loader))
            step(batch, 0.5)["total"].backward()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    plain = statistics.median(seconds["plain"])
    ratios = {name: round(statistics.median(values) / plain, 2) for name, values in seconds.items()}
    about = {"batch": 64, "pixels": 75, "bands": 3, "rounds": ROUNDS - 1, "step_ratio": ratios}
    FILE.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(about, indent=1))


if __name__ == "__main__":
    main()
