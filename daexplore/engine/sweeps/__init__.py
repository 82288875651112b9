"""Many trainings: planned, launched here or on a cluster."""
