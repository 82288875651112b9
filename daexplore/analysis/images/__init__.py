"""Statistics of images: pixels, duplicates, morphology and what gives a domain away."""
