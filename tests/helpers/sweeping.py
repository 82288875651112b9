"""A training that takes no time, and a Slurm that takes what is submitted, for tests of sweeps."""

import json
import os
import stat
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

from factories import make_run
from submitit import SlurmJob

from daexplore.config import AlignmentConfig, RunConfig, TrainConfig
from daexplore.errors import InputError
from daexplore.runs import Run

SBATCH = """#!/bin/sh
cp "$1" "$FAKE_SLURM/script.sh"
echo called >> "$FAKE_SLURM/calls"
echo Submitted batch job 4242
"""

# Runs each task of the array in an environment such as Slurm gives it.
RUNNING_SBATCH = """#!/bin/sh
cp "$1" "$FAKE_SLURM/script.sh"
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$1")
export SLURM_ARRAY_JOB_ID=4242 SLURM_NTASKS=1 SLURM_NTASKS_PER_NODE=1 SLURM_NNODES=1 SLURM_JOB_NUM_NODES=1 SLURM_JOB_NAME=daexplore
export SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_JOB_NODELIST=localhost
for task in $(seq 0 $last); do
    SLURM_JOB_ID=$((5000 + task)) SLURM_ARRAY_TASK_ID=$task sh "$FAKE_SLURM/script.sh" > /dev/null 2>&1 &
done
echo Submitted batch job 4242
"""  # noqa: E501

# --unbuffered --output FILE --error FILE COMMAND
SRUN = """#!/bin/sh
shift 5
exec "$@" >> "$FAKE_SLURM/printed" 2>&1
"""

SACCT = """#!/bin/sh
echo "JobID|State|NodeList"
cat "$FAKE_SLURM/states"
"""


CONFIGS = [
    RunConfig(alignments=alignments, train=TrainConfig(epochs=2), seed=seed)
    for alignments in ((), (AlignmentConfig("mmd"),))
    for seed in range(3)
]


def put(root, config, status="finished", epochs=2):
    return make_run(
        root, n=16, epochs=epochs, latent_dim=4, saliency=False, config=config, status=status
    )


class FakeTraining:
    """Stands for ``daexplore.engine.training.train.train``: makes a finished run at once, or ends
    as ``ends`` says for a (method, seed).
    """

    def __init__(self):
        self.begun, self.resumed, self.ends = [], [], {}
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0
        self.pause = threading.Event()

    def install(self, monkeypatch):
        """Put this in the place of the module that trains, which would import torch."""
        monkeypatch.setitem(
            sys.modules, "daexplore.engine.training.train", SimpleNamespace(train=self)
        )
        return self

    def __call__(self, config, runs="runs", *, resume=None, report=None):
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            self.pause.wait(0.05)
            config = Run(resume).config if config is None else config
            what = (config.method, config.seed)
            (self.begun if resume is None else self.resumed).append(what)
            if what in self.ends:
                raise self.ends[what]
            if resume is None:
                return make_run(
                    Path(runs), n=16, epochs=1, latent_dim=4, saliency=False, config=config
                )
            set_info(Run(resume), status="finished")
            return Run(resume)
        finally:
            with self.lock:
                self.at_once -= 1


MENDABLE = InputError("The images are too small.")
FAULT = RuntimeError("out of range")


def set_info(run, **fields):
    """Changes run.json."""
    (run.path / "run.json").write_text(
        json.dumps(json.loads((run.path / "run.json").read_text()) | fields)
    )


def interrupt(run):
    """Make a run what a killed process leaves."""
    set_info(run, status="running", process={**run.info["process"], "pid": 2**22 + 1, "start": 1})


def install_slurm(folder, monkeypatch, sbatch=SBATCH):
    """Put sbatch, srun, sacct and scancel into PATH. What sbatch got is in folder/script.sh."""
    folder.mkdir()
    # What sacct said of a job is remembered for all tests of this process.
    SlurmJob.watcher.clear()
    for name, text in (
        ("sbatch", sbatch),
        ("srun", SRUN),
        ("sacct", SACCT),
        ("scancel", "#!/bin/sh\ntouch $FAKE_SLURM/cancelled\n"),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    (folder / "states").write_text("")
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder
