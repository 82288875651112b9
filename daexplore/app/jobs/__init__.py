"""Trainings started from the page: processes, queue and failures."""
