"""Domain adaptation for galaxy images: train it, see it, and say honestly whether it helped."""

__version__ = "0.1.0"
