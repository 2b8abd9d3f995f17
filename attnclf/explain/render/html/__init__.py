"""Values of explanations drawn as html."""
