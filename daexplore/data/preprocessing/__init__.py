"""Preprocessing of images: the pipeline, its steps and the common format of two domains."""
