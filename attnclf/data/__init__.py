"""Files, hub names and stdin → rows, labels, splits, padded batches. Never imports torch."""
