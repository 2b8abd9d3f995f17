"""How faithful, plausible and stable explanations are."""
