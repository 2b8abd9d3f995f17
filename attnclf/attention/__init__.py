"""The algebra of attention: context(align(score(query, keys), keep), values)."""
