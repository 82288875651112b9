"""Live view of trainings: cards, plots and the loss diagram."""
