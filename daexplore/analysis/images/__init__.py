"""Statistics of images: pixels, duplicates, morphology and a domain probe."""
