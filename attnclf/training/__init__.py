"""The recipe: rows → best weights → a bundle with its report."""
