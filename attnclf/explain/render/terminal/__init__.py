"""Values of explanations drawn on a terminal."""
