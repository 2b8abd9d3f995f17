"""The names of whole networks, apart from what builds them: the command line needs no more."""

from typing import Literal

Architecture = Literal[
    "temporal",
    "feed-forward",
    "self-attention",
    "recurrent-self-attention",
    "label-decoder",
    "feature-gate",
]
