"""Comparison of runs as tables, HTML, LaTeX and figures."""
