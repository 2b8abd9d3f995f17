"""How good a model is: metrics over arrays, the report they make, and its figures."""
