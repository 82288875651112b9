"""What others published, measured again by the package's own training step: `python -m
benchmarks.published.moons`, then digits, page.
"""
