"""Names, format version and safe writing of the files in a run folder."""

from pathlib import Path

__all__ = ["FORMAT", "evaluation_file", "saliency_file", "weights_file"]


FORMAT = 1


def evaluation_file(run: Path, epoch: int) -> Path:
    """Where the outputs of the evaluation sample after ``epoch`` are."""
    return run / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet"


def saliency_file(run: Path, epoch: int) -> Path:
    """Where the Grad-CAM maps after ``epoch`` are."""
    return run / "saliency" / f"epoch={epoch:04d}" / "gradcam.parquet"


def weights_file(run: Path, epoch: int) -> Path:
    """Where the network's tensors after ``epoch`` are."""
    return run / "weights" / f"epoch-{epoch:04d}.safetensors"
