"""Calibration of predicted probabilities."""
