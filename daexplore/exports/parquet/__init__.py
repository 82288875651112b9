"""Export of predictions and latents to Parquet."""
