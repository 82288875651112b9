"""Training: set-up, steps, epochs, checkpoints and transfer."""
