"""Interoperability: ONNX, scikit-learn and PyTorch."""
