"""A model as an HTTP service: predictions, explanations, metrics, the Open Inference Protocol. Needs attnclf[serve]."""
