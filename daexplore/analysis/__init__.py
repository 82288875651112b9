"""What the numbers say: metrics with intervals, two-sample comparisons, the margin plane, projections and Grad-CAM.

Functions take arrays and give plain data. Import the module you need; the slow libraries behind some of them load on first use.
"""
