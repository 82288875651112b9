"""Statistics on arrays: metrics, intervals, domain distances, projections and saliency maps.

Functions take arrays and give plain data. Import the module you need; the slow libraries behind
some of them load on first use.
"""
