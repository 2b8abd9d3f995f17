"""Values of explanations drawn as svg."""
