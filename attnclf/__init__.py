"""attnclf: a small text classifier that trains on your file, runs from a pipe, and shows which words decided."""

from attnclf import telemetry

__version__ = "0.1.0"

telemetry.switch_off()
