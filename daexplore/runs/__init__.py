"""Run folders: written while training, read by everything else without torch."""

from daexplore.methods import method_label
from daexplore.runs.evaluation import Evaluation, Saliency, softmax
from daexplore.runs.run import Run
from daexplore.runs.store import RunStore
from daexplore.runs.training_images import TrainingImages
from daexplore.runs.writer import RunWriter, check_root

__all__ = [
    "Evaluation",
    "Run",
    "RunStore",
    "RunWriter",
    "Saliency",
    "TrainingImages",
    "check_root",
    "method_label",
    "softmax",
]
