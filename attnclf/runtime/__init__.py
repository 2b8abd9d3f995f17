"""Running a bundle through ONNX Runtime: predict, explain, evaluate and serve share this path. Never imports torch."""
