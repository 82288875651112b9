"""Calibration of a run: temperature, Monte Carlo dropout, ensembles and mixup."""
