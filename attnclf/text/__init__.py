"""Text → ids with offsets into the original text. Never imports torch."""
