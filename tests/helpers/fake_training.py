"""A stand-in for ``daexplore train`` that writes a believable run in a moment: ``python
fake_training.py --runs DIR --method mmd …``.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

parser = argparse.ArgumentParser()
parser.add_argument("--runs", type=Path)
parser.add_argument("--method", default="noda")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--n", type=int, default=120)
parser.add_argument("--simulate", type=float, default=0.0, help="seconds of pretended simulation")
parser.add_argument("--pause", type=float, default=0.1, help="seconds an epoch")
parser.add_argument("--fail", choices=["input", "crash", "late", "killed"])
parser.add_argument("--resume", type=Path)
parser.add_argument("--data", default="demo")
parser.add_argument("--set", action="append")
parser.add_argument("--source", type=Path)
parser.add_argument("--target", type=Path)


def report(stage, done, total):
    if "DAEXPLORE_PROGRESS" in os.environ:
        with open(os.environ["DAEXPLORE_PROGRESS"], "a") as stream:
            stream.write(json.dumps({"stage": stage, "done": done, "total": total}) + "\n")


def main(arguments):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if arguments.fail == "input":
        print("Error: there is no galaxy set in /nowhere; give the path of one.", file=sys.stderr)
        return 2
    if arguments.fail == "crash":
        raise RuntimeError("the galaxies ran away")
    if arguments.fail == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    steps = 10 if arguments.simulate else 0
    for step in range(steps):
        report("simulating", step + 1, steps)
        time.sleep(arguments.simulate / steps)
    import factories

    from daexplore.runs import RunWriter

    evaluated = factories.make_samples(arguments.n).query("split != 'train'")
    if arguments.resume:
        writer = RunWriter.open(arguments.resume)
    else:
        samples = factories.make_samples(arguments.n)
        data = {
            domain: {"name": domain, "n": len(samples) // 2, "fingerprint": "0" * 16, "path": None}
            for domain in ("source", "target")
        }
        config = factories.run_settings(
            arguments.method, arguments.seed, arguments.epochs, {"source": None, "target": None}
        )
        writer = RunWriter.create(
            arguments.runs,
            config,
            data=data,
            classes=factories.CLASSES,
            latent_dim=8,
            samples=samples,
        )
    try:
        epochs = writer.info["progress"]["epochs"]
        for epoch in range(writer.info["progress"]["epoch"] + 1, epochs + 1):
            time.sleep(arguments.pause)
            factories.write_epoch(writer, epoch, epochs, evaluated, arguments.seed)
            report("training", epoch, epochs)
            if arguments.fail == "late" and epoch == 2:
                writer.update(status="failed", error="ValueError: the loss became nan in epoch 2")
                raise ValueError("the loss became nan in epoch 2")
    except KeyboardInterrupt:
        writer.update(status="stopped")
        return 130
    writer.update(status="finished", selected_epoch=epochs)
    return 0


if __name__ == "__main__":
    sys.exit(main(parser.parse_args()))
