"""Export of a network with its preprocessing to ONNX."""
