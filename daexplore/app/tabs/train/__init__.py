"""Train tab: form of a training, and live progress."""
