"""Values of explanations → terminal, html, svg and json."""
