"""Readers of files that hold many galaxies each, here or elsewhere: Parquet, HDF5, npz, tar."""
