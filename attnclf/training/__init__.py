"""The recipe: rows → best weights → a bundle with its report."""

import os

# Torch's threads otherwise spin while they wait for each other: on a machine that is doing anything else, the small
# products of a small network then take fifty times as long. Read by OpenMP when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
