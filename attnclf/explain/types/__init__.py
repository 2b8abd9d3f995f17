"""What explanations are, as values."""
