"""Why a text got its label: methods that weigh words, and renderers that draw the weights."""
